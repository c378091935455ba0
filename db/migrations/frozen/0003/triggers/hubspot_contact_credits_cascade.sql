-- Carries a contact's new student id, email or name to its bookings, whoever changed it. A name
-- that was given for the booking alone stays.
--
-- A changed student id can bring two active bookings for one exam or day together: the contact's
-- own are kept, marked exempt, and noted.
create or replace function hubspot_sync.hubspot_contact_credits_cascade()
  returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_clashing uuid[];
begin
  perform from hubspot_sync.hubspot_bookings b
    where b.student_id = old.student_id and b.contact = new.id
    order by b.id
      for no key update;
  loop
    v_clashing := array(
      select b.id
        from hubspot_sync.hubspot_bookings b
       where old.student_id <> new.student_id
         and b.student_id = old.student_id
         and b.contact = new.id
         and b.is_active = 'Active'
         and not b.exempt
         and exists (
           select from hubspot_sync.hubspot_bookings o
            where o.student_id = new.student_id
              and (o.mock_exam_id = b.mock_exam_id
                   or o.mock_type = b.mock_type and o.exam_date::date = b.exam_date::date)
              and o.is_active = 'Active'
              and not o.exempt));
    begin
      update hubspot_sync.hubspot_bookings b
         set student_id = new.student_id,
             student_email = new.email,
             student_name = case
               when b.student_name is not distinct from
                    nullif(concat_ws(' ', old.firstname, old.lastname), '')
                 then nullif(concat_ws(' ', new.firstname, new.lastname), '')
               else b.student_name end,
             exempt = b.exempt or b.id = any (v_clashing),
             updated_at = hubspot_sync.clock()
       where b.student_id = old.student_id
         and b.contact = new.id;
      exit;
    exception
      when unique_violation then
        null;  -- the other student booked this moment: look again
    end;
  end loop;
  insert into hubspot_sync.sync_conflicts
    (entity, record, field, postgres_value, hubspot_value, decision)
  select 'hubspot_bookings', b.id, 'student_id', old.student_id, new.student_id,
         format('kept as exempt: student %s has another active booking for exam %s or that day',
                new.student_id, b.mock_exam_id)
    from hubspot_sync.hubspot_bookings b
   where b.id = any (v_clashing);
  return null;
end;
$$;

comment on function hubspot_sync.hubspot_contact_credits_cascade() is
  'Trigger: copies a contact''s student id, email and name to its bookings.';
revoke execute on function hubspot_sync.hubspot_contact_credits_cascade()
  from public, anon, authenticated;

create or replace trigger hubspot_contact_credits_cascade
  after update of student_id, email, firstname, lastname on hubspot_sync.hubspot_contact_credits
  for each row
  when ((old.student_id, old.email, old.firstname, old.lastname)
        is distinct from (new.student_id, new.email, new.firstname, new.lastname))
  execute function hubspot_sync.hubspot_contact_credits_cascade();
