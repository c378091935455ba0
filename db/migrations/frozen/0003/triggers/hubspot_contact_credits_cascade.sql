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
  v_before text := nullif(concat_ws(' ', old.firstname, old.lastname), '');
  v_after text := nullif(concat_ws(' ', new.firstname, new.lastname), '');
  v_booking record;
begin
  for v_booking in
    select b.id, b.mock_exam_id
      from hubspot_sync.hubspot_bookings b
     where b.student_id = old.student_id and b.contact = new.id
     order by b.id
       for no key update
  loop
    begin
      update hubspot_sync.hubspot_bookings b
         set student_id = new.student_id,
             student_email = new.email,
             student_name = case when b.student_name is not distinct from v_before
               then v_after else b.student_name end,
             updated_at = hubspot_sync.clock()
       where b.id = v_booking.id;
    exception
      when unique_violation then
        update hubspot_sync.hubspot_bookings b
           set student_id = new.student_id,
               student_email = new.email,
               student_name = case when b.student_name is not distinct from v_before
                 then v_after else b.student_name end,
               exempt = true,
               updated_at = hubspot_sync.clock()
         where b.id = v_booking.id;
        insert into hubspot_sync.sync_conflicts
          (entity, record, field, postgres_value, hubspot_value, decision)
        values ('hubspot_bookings', v_booking.id, 'student_id', old.student_id, new.student_id,
                format('kept as exempt: student %s has another active booking for exam %s, or for'
                       ' its type that day', new.student_id, v_booking.mock_exam_id));
    end;
  end loop;
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
