begin;
select plan(13);

create function pg_temp.answered(p_capacity integer, p_taken integer, p_is_open boolean)
  returns api.exam language plpgsql as $$
declare
  v_exam hubspot_sync.hubspot_mock_exams;
  v_seats hubspot_sync.exam_seats;
begin
  v_exam := jsonb_populate_record(v_exam, '{
    "id": "00000000-0000-4000-8000-000000000001", "hubspot_id": "E-1", "mock_exam_name": "First",
    "mock_type": "Mini-mock", "mock_set": "A", "exam_date": "2030-02-01", "start_time": "9:00 AM",
    "end_time": "11:00", "starts_at": "2030-02-01 09:00+00", "location": "Lab", "capacity": 77,
    "is_active": "no", "total_bookings": 55, "scheduled_activation_at": "2030-01-15 00:00+00",
    "deleted_at": "2030-01-16 00:00+00"}');
  v_seats.capacity := p_capacity;
  v_seats.taken := p_taken;
  v_seats.is_open := p_is_open;
  return hubspot_sync.exam_answer(v_exam, v_seats);
end
$$;
select row_eq(
  'select (pg_temp.answered(10, 4, true)).*',
  row('00000000-0000-4000-8000-000000000001'::uuid, 'E-1'::text, 'First'::text, 'Mini-mock'::text,
      'A'::text, '2030-02-01'::date, '9:00 AM'::text, '11:00'::text,
      '2030-02-01 09:00+00'::timestamptz, 'Lab'::text, 10, 4, 6, 'available'::text, true,
      '2030-01-15 00:00+00'::timestamptz, '2030-01-16 00:00+00'::timestamptz)::api.exam,
  'capacity, seats and state are the counter''s, the rest is the exam''s');
select row_eq(
  format('select seats_left, status from pg_temp.answered(%L, %L, false)', s.capacity, s.taken),
  row(s.seats_left, s.status),
  format('%s of %s taken: %s left, %s', s.taken, s.capacity, s.seats_left, s.status))
  from (values
    (4, 0, 4, 'available'), (3, 0, 3, 'limited'), (4, 1, 3, 'limited'), (4, 3, 1, 'limited'),
    (4, 4, 0, 'full'), (4, 9, 0, 'full'), (0, 0, 0, 'full'), (1, 0, 1, 'limited'),
    (2147483647, 0, 2147483647, 'available'), (2147483647, 2147483647, 0, 'full'),
    (0, 2147483647, 0, 'full')) as s (capacity, taken, seats_left, status);
select is((pg_temp.answered(4, 0, false)).is_active, false, 'a closed counter is no active exam');

select * from finish();
rollback;
