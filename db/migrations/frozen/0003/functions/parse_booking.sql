-- A booking as HubSpot has it, as a row of ours.
create or replace function hubspot_sync.parse_booking(p_record jsonb)
  returns hubspot_sync.hubspot_bookings
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_properties jsonb := p_record -> 'properties';
  v_attendance text := nullif(trim(v_properties ->> 'attendance'), '');
  v_booking hubspot_sync.hubspot_bookings;
begin
  v_booking.hubspot_id := p_record ->> 'id';
  v_booking.booking_id := nullif(trim(v_properties ->> 'booking_id'), '');
  v_booking.student_id := coalesce(trim(v_properties ->> 'student_id'), '');
  v_booking.student_name := nullif(v_properties ->> 'student_name', '');
  v_booking.student_email := coalesce(trim(v_properties ->> 'student_email'), '');
  v_booking.mock_exam_id := coalesce(trim(v_properties ->> 'mock_exam_id'), '');
  v_booking.mock_type := nullif(v_properties ->> 'mock_type', '');
  v_booking.exam_date :=
    hubspot_sync.parse_day(v_properties ->> 'exam_date', 'exam_date')::timestamp;
  v_booking.is_active := nullif(hubspot_sync.booking_status(v_properties ->> 'is_active'), '');
  v_booking.attendance := case
    when lower(v_attendance) in ('yes', 'no') then initcap(v_attendance)
    when lower(v_attendance) is distinct from 'unknown' then v_attendance end;
  v_booking.attending_location := nullif(v_properties ->> 'attending_location', '');
  v_booking.dominant_hand := nullif(v_properties ->> 'dominant_hand', '');
  v_booking.token_used := nullif(v_properties ->> 'token_used', '');
  v_booking.idempotency_key := nullif(v_properties ->> 'idempotency_key', '');
  v_booking.created_at := hubspot_sync.parse_moment(p_record ->> 'createdAt', 'createdAt');
  return v_booking;
end;
$$;

comment on function hubspot_sync.parse_booking(jsonb) is
  'HubSpot''s record {id, properties, createdAt} as a row of hubspot_bookings without links, so '
  'that booking_properties tells its values in the one spelling we compare. Raises 22023 naming a '
  'property that cannot be read.';
revoke execute on function hubspot_sync.parse_booking(jsonb) from public, anon, authenticated;
