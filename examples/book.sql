-- A student books, the answer is lost, the app sends the same request again: one booking.
-- Then the student cancels, and has the credit back.
begin;
insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_exam_name, mock_type, exam_date, start_time, capacity, is_active)
values
  ('901', 'Spring mock', 'Clinical Skills', '2099-03-02', '09:30', 4, 'true');
insert into hubspot_sync.hubspot_contact_credits
  (hubspot_id, student_id, email, firstname, lastname, cs_credits, shared_mock_credits)
values
  ('501', 'S000001', 'Ada@Example.org', 'Ada', 'Moss', 1, 2);

set local role service_role;  -- as an app's server calls

select mock_exam_id, starts_at, seats_left, status from api.list_available_exams();

select student_name, exam_date, token_used, replayed
  from api.create_booking('901', 'S000001', 'ada@example.org', 'request-1');
select student_name, exam_date, token_used, replayed
  from api.create_booking('901', 'S000001', 'ada@example.org', 'request-1');

select cs_credits, shared_mock_credits
  from api.get_contact_credits('S000001', 'ada@example.org');

select is_active, replayed
  from api.cancel_booking(
    (select booking_id from api.check_idempotency_key('request-1')), 'ill');

select cs_credits, shared_mock_credits
  from api.get_contact_credits('S000001', 'ada@example.org');

select name, violations from api.verify();
rollback;
