-- A booking of HubSpot's, completed by the links it has there: which contact, which exam.
create or replace function hubspot_sync.complete_booking(
  p_booking hubspot_sync.hubspot_bookings,
  p_record jsonb
)
  returns hubspot_sync.hubspot_bookings
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_booking hubspot_sync.hubspot_bookings := p_booking;
  v_contact hubspot_sync.hubspot_contact_credits;
begin
  v_booking.contact_id := p_record #>> '{associations,contacts,0}';
  if v_booking.mock_exam_id = '' then
    v_booking.mock_exam_id := coalesce(p_record #>> '{associations,exams,0}', '');
  end if;
  select c.* into v_contact
    from hubspot_sync.hubspot_contact_credits c
   where c.hubspot_id = v_booking.contact_id;
  if v_booking.contact_id is null then
    select c.hubspot_id into v_booking.contact_id
      from hubspot_sync.hubspot_contact_credits c
     where c.id = hubspot_sync.contact_of_booking(
             null, v_booking.student_id, v_booking.student_email);
  end if;
  if v_booking.student_id = '' then
    v_booking.student_id := coalesce(v_contact.student_id, '');
  end if;
  if v_booking.student_email = '' then
    v_booking.student_email := coalesce(v_contact.email, '');
  end if;
  -- What breaks a rule of ours is kept all the same, as a mark says.
  v_booking.exempt := '' in (v_booking.student_id, v_booking.student_email,
                             v_booking.mock_exam_id)
    or coalesce(v_booking.is_active not in ('Active', 'Cancelled', 'Completed'), true);
  return v_booking;
end;
$$;

comment on function hubspot_sync.complete_booking(hubspot_sync.hubspot_bookings, jsonb) is
  'Fills in what the properties of a booking lack from the links of its record p_record '
  '(associations {contacts, exams}: HubSpot''s ids), and whether it must be exempt from our rules.';
revoke execute on function hubspot_sync.complete_booking(hubspot_sync.hubspot_bookings, jsonb)
  from public, anon, authenticated;
