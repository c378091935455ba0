-- Completes bookings of writers that know only HubSpot's ids: spelling, links, type and date.
-- The booking functions fill all of it themselves and do not come here.
create or replace function hubspot_sync.hubspot_bookings_defaults()
  returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_exam record;
begin
  new.is_active := hubspot_sync.booking_status(new.is_active);
  select e.id, e.mock_type, e.exam_date
    into v_exam
    from hubspot_sync.hubspot_mock_exams e
   where e.hubspot_id = new.mock_exam_id;
  if v_exam.id is null then
    -- It may be arriving this moment: wait for whoever brings it, then look again.
    perform pg_advisory_xact_lock(hashtextextended('exam ' || new.mock_exam_id, 0));
    select e.id, e.mock_type, e.exam_date
      into v_exam
      from hubspot_sync.hubspot_mock_exams e
     where e.hubspot_id = new.mock_exam_id;
  end if;
  new.exam := v_exam.id;
  new.mock_type := coalesce(v_exam.mock_type, new.mock_type);
  new.exam_date := coalesce(v_exam.exam_date::timestamp, new.exam_date);
  new.contact := coalesce(
    hubspot_sync.contact_of_booking(new.contact_id, new.student_id, new.student_email),
    new.contact);
  if new.contact is null then
    -- It, too, may be arriving: hubspot_contact_credits_links takes the same locks.
    perform pg_advisory_xact_lock(hashtextextended(
      format('bookings of %s %s', new.student_id, lower(new.student_email)), 0));
    perform pg_advisory_xact_lock(
      hashtextextended(format('bookings of %s', new.contact_id), 0));
    new.contact :=
      hubspot_sync.contact_of_booking(new.contact_id, new.student_id, new.student_email);
  end if;
  return new;
end;
$$;

comment on function hubspot_sync.hubspot_bookings_defaults() is
  'Trigger: normalises is_active and links a booking to its exam and contact.';
revoke execute on function hubspot_sync.hubspot_bookings_defaults()
  from public, anon, authenticated;

create or replace trigger hubspot_bookings_defaults_insert
  before insert on hubspot_sync.hubspot_bookings
  for each row
  when (new.exam is null or new.contact is null)
  execute function hubspot_sync.hubspot_bookings_defaults();

create or replace trigger hubspot_bookings_defaults_update
  before update of mock_exam_id, contact_id, is_active on hubspot_sync.hubspot_bookings
  for each row
  when (new.is_active not in ('Active', 'Cancelled', 'Completed')
        or old.mock_exam_id is distinct from new.mock_exam_id
           and old.exam is not distinct from new.exam
        or old.contact_id is distinct from new.contact_id
           and new.contact is null)
  execute function hubspot_sync.hubspot_bookings_defaults();
