-- Gives book.out: PGTZ=UTC psql -Xq "$DATABASE_URL" < examples/book.sql 2>&1
--
-- A student books, the answer is lost, the app sends the same request again: one booking.
-- Then the student cancels, and has the credit back.
begin;
insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_exam_name, mock_type, exam_date, start_time, capacity, is_active)
values
  ('911', 'Spring mock', 'Clinical Skills', '2099-03-02', '09:30', 4, 'true');
insert into hubspot_sync.hubspot_contact_credits
  (hubspot_id, student_id, email, firstname, lastname, cs_credits, shared_mock_credits)
values
  ('502', 'S000002', 'Ben@Example.org', 'Ben', 'Hall', 1, 2);

set local role service_role;  -- as an app's server calls

select mock_exam_id, starts_at, seats_left, status
  from api.list_available_exams('Clinical Skills');

select student_name, exam_date, token_used, replayed
  from api.create_booking('911', 'S000002', 'ben@example.org', 'request-1');
select student_name, exam_date, token_used, replayed
  from api.create_booking('911', 'S000002', 'ben@example.org', 'request-1');

select cs_credits, shared_mock_credits
  from api.get_contact_credits('S000002', 'ben@example.org');

select is_active, replayed
  from api.cancel_booking(
    (select booking_id from api.check_idempotency_key('request-1')), 'ill');

select cs_credits, shared_mock_credits
  from api.get_contact_credits('S000002', 'ben@example.org');

select name, violations from api.verify();
rollback;
