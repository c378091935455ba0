-- What HubSpot should hold of a booking. «@contact» and «@exam» are links, not properties.
create or replace function hubspot_sync.booking_properties(
  p_booking hubspot_sync.hubspot_bookings
)
  returns jsonb
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
      'booking_id', p_booking.booking_id,
      'student_id', p_booking.student_id,
      'student_name', coalesce(p_booking.student_name, ''),
      'student_email', p_booking.student_email,
      'mock_exam_id', p_booking.mock_exam_id,
      'mock_type', coalesce(p_booking.mock_type, ''),
      'exam_date', coalesce(to_char(p_booking.exam_date, 'YYYY-MM-DD'), ''),
      'is_active', coalesce(p_booking.is_active, ''),
      'attendance', coalesce(p_booking.attendance, ''),
      'attending_location', coalesce(p_booking.attending_location, ''),
      'dominant_hand', coalesce(p_booking.dominant_hand, ''),
      'token_used', coalesce(p_booking.token_used, ''),
      'idempotency_key', coalesce(p_booking.idempotency_key, ''),
      '@contact', coalesce(p_booking.contact_id, ''),
      '@exam', case when p_booking.exam is null then '' else p_booking.mock_exam_id end);
end;
$$;

comment on function hubspot_sync.booking_properties(hubspot_sync.hubspot_bookings) is
  'A booking''s HubSpot properties as texts (empty clears one, as HubSpot has it), and its '
  'links @contact and @exam (HubSpot ids, empty while unknown).';
revoke execute on function hubspot_sync.booking_properties(hubspot_sync.hubspot_bookings)
  from public, anon, authenticated;
