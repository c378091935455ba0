-- Gives world.out: PGTZ=UTC psql -Xq "$DATABASE_URL" < examples/world.sql 2>&1
--
-- What app.mjs and app.py need: an exam with seats, one that is full, and a student with two
-- credits. It can be run again. `make sandbox-http` runs it in its new database.
select mock_exam_id, mock_type, exam_date, seats_left, status
  from api.upsert_exam('901', 'Spring mock', 'Mini-mock', p_exam_date => '2099-03-02',
                       p_start_time => '09:30', p_capacity => 4, p_is_active => true);
select mock_exam_id, mock_type, exam_date, seats_left, status
  from api.upsert_exam('902', 'Autumn mock', 'Mini-mock', p_exam_date => '2099-09-07',
                       p_start_time => '14:00', p_capacity => 0, p_is_active => true);

select student_id, email, firstname, lastname
  from api.upsert_contact('S000001', 'ada@example.org', 'Ada', 'Moss');
select sjmini_credits
  from api.grant_credits('S000001', 'ada@example.org', 'sjmini_credits', 2, 'for the examples',
                         'examples-world');
