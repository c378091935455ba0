-- Tells in a word what happened to a booking, for people and for feeds.
create or replace function hubspot_sync.hubspot_bookings_events()
  returns trigger
  language plpgsql
  security definer
  set search_path = ''
as $$
declare
  v_booking hubspot_sync.hubspot_bookings;
  v_type text;
  v_metadata jsonb;
begin
  if tg_op = 'DELETE' then
    v_booking := old;
    v_type := 'deleted';
  elsif tg_op = 'INSERT' then
    v_booking := new;
    v_type := 'created';
  else
    v_booking := new;
    v_type := case
      when old.is_active is distinct from new.is_active and new.is_active = 'Cancelled'
        then 'cancelled'
      when old.is_active is distinct from new.is_active and new.is_active = 'Completed'
        then 'completed'
      when old.mock_exam_id is distinct from new.mock_exam_id then 'moved'
      when old.attendance is distinct from new.attendance
           and lower(new.attendance) in ('no', 'no_show', 'no show') then 'no_show'
      else 'modified'
    end;
    v_metadata := case
      when v_type = 'moved' then jsonb_build_object('from_mock_exam_id', old.mock_exam_id)
    end;
  end if;
  if coalesce(current_setting('hubspot_sync.event_reason', true), '') <> '' then
    v_metadata := coalesce(v_metadata, '{}')
      || jsonb_build_object('reason', current_setting('hubspot_sync.event_reason'));
  end if;
  insert into hubspot_sync.booking_events
    (booking, booking_id, event_type, admin_email, metadata, created_at)
  values
    (v_booking.id, v_booking.booking_id, v_type, hubspot_sync.actor(), v_metadata,
     hubspot_sync.clock());
  return null;
end;
$$;

comment on function hubspot_sync.hubspot_bookings_events() is
  'Trigger: writes booking_events.';
revoke execute on function hubspot_sync.hubspot_bookings_events() from public;

create or replace trigger hubspot_bookings_events
  after insert or delete on hubspot_sync.hubspot_bookings
  for each row
  execute function hubspot_sync.hubspot_bookings_events();

create or replace trigger hubspot_bookings_events_update
  after update on hubspot_sync.hubspot_bookings
  for each row
  when ((old.is_active, old.mock_exam_id, old.attendance, old.attending_location,
         old.dominant_hand, old.student_name, old.student_email, old.exam_date)
        is distinct from
        (new.is_active, new.mock_exam_id, new.attendance, new.attending_location,
         new.dominant_hand, new.student_name, new.student_email, new.exam_date))
  execute function hubspot_sync.hubspot_bookings_events();
