-- Takes one booking of HubSpot's that nobody here knows, as it is: no seat is refused, no credit
-- spent, because whoever made it there answers for both.
create or replace function hubspot_sync.add_booking(p_record jsonb)
  returns hubspot_sync.hubspot_bookings
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_new hubspot_sync.hubspot_bookings := hubspot_sync.complete_booking(
    hubspot_sync.parse_booking(p_record), p_record);
  v_booking hubspot_sync.hubspot_bookings;
  v_rule text;
begin
  loop
    begin
      insert into hubspot_sync.hubspot_bookings as b
        (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_name,
         student_email, mock_type, exam_date, is_active, attendance, attending_location,
         dominant_hand, token_used, idempotency_key, exempt, created_at, updated_at,
         hubspot_last_sync_at)
      values
        (v_new.hubspot_id, v_new.booking_id, v_new.mock_exam_id, v_new.contact_id,
         v_new.student_id, v_new.student_name, v_new.student_email, v_new.mock_type,
         v_new.exam_date, v_new.is_active, v_new.attendance, v_new.attending_location,
         v_new.dominant_hand, v_new.token_used, v_new.idempotency_key, v_new.exempt,
         coalesce(v_new.created_at, v_now), v_now, v_now)
      returning b.* into v_booking;
      exit;
    exception
      when unique_violation then
        get stacked diagnostics v_rule = constraint_name;
        if v_rule like '%idempotency_key%' and v_new.idempotency_key is not null then
          v_new.idempotency_key := null;
        elsif v_new.exempt or v_rule like '%hubspot_id%' then
          raise;
        else
          v_new.exempt := true;
        end if;
    end;
  end loop;
  if v_rule is not null then
    insert into hubspot_sync.sync_conflicts
      (entity, record, field, postgres_value, hubspot_value, decision)
    values ('hubspot_bookings', v_booking.id, v_rule, null, v_new.booking_id,
            format('HubSpot''s: kept as exempt, it breaks the rule %s', v_rule));
  end if;
  return v_booking;
end;
$$;

comment on function hubspot_sync.add_booking(jsonb) is
  'Inserts a booking from HubSpot''s record and answers it. One that breaks a unique rule is kept '
  'as exempt, and sync_conflicts names the rule.';
revoke execute on function hubspot_sync.add_booking(jsonb) from public, anon, authenticated;
