-- A booking's row as the answer of a function of api.
create or replace function hubspot_sync.booking_answer(
  p_booking hubspot_sync.hubspot_bookings,
  p_replayed boolean
)
  returns api.booking
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_answer api.booking;
begin
  v_answer.id := p_booking.id;
  v_answer.booking_id := p_booking.booking_id;
  v_answer.hubspot_id := p_booking.hubspot_id;
  v_answer.is_active := p_booking.is_active;
  v_answer.mock_exam_id := p_booking.mock_exam_id;
  v_answer.mock_type := p_booking.mock_type;
  v_answer.exam_date := p_booking.exam_date::date;
  v_answer.student_id := p_booking.student_id;
  v_answer.student_name := p_booking.student_name;
  v_answer.student_email := p_booking.student_email;
  v_answer.token_used := p_booking.token_used;
  v_answer.attendance := p_booking.attendance;
  v_answer.attending_location := p_booking.attending_location;
  v_answer.dominant_hand := p_booking.dominant_hand;
  v_answer.created_at := p_booking.created_at;
  v_answer.replayed := p_replayed;
  return v_answer;
end;
$$;

comment on function hubspot_sync.booking_answer(hubspot_sync.hubspot_bookings, boolean) is
  'An api.booking made from a row of hubspot_bookings.';
revoke execute on function hubspot_sync.booking_answer(hubspot_sync.hubspot_bookings, boolean)
  from public, anon, authenticated;
