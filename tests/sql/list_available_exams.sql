begin;
select plan(20);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return current_setting('test.now')::timestamptz;
set local test.now = '2030-02-01 08:59+00';

insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_exam_name, mock_type, mock_set, exam_date, start_time, end_time, location,
   capacity, is_active)
values
  ('E-2', 'Second', 'Clinical Skills', 'B', '2030-02-01', '9:00 AM', '11:00', 'Hall', 5, 'true'),
  ('E-1', 'First', 'Clinical Skills', 'A', '2030-02-01', '09:00', '11:00', 'Lab', 4, 'Active'),
  ('E-3', 'Later', 'Mini-mock', null, '2030-02-02', '07:00', null, null, 3, 'TRUE'),
  ('E-past', 'Past', 'Mini-mock', null, '2030-02-01', '08:00', null, null, 3, 'true'),
  ('E-off', 'Off', 'Mini-mock', null, '2030-02-02', '07:00', null, null, 3, 'false'),
  ('E-dateless', 'No date', 'Mini-mock', null, null, '07:00', null, null, 3, 'true'),
  ('E-stateless', 'No state', 'Mini-mock', null, '2030-02-02', '07:00', null, null, 3, null),
  ('E-zero', 'No seat', 'Mini-mock', null, '2030-03-01', 'noon', null, null, null, 'true');

select results_eq(
  'select mock_exam_id from api.list_available_exams()',
  array['E-1', 'E-2', 'E-3', 'E-zero'],
  'active exams ahead are listed, soonest first and then by id');
select results_eq(
  $$select mock_exam_id from api.list_available_exams('Mini-mock')$$, array['E-3', 'E-zero'],
  'a mock type narrows the list');
select is_empty($$select * from api.list_available_exams('Mock Discussion')$$,
                'a known type without exams lists none');
select row_eq(
  $$select mock_exam_name, mock_type, mock_set, exam_date, start_time, end_time, starts_at,
           location, capacity, seats_left, status
      from api.list_available_exams() where mock_exam_id = 'E-1'$$,
  row('First'::text, 'Clinical Skills'::text, 'A'::text, '2030-02-01'::date, '09:00'::text,
      '11:00'::text, '2030-02-01 09:00+00'::timestamptz, 'Lab'::text, 4, 4, 'available'::text),
  'an exam is answered whole');
select row_eq(
  $$select seats_left, status from api.list_available_exams() where mock_exam_id = 'E-3'$$,
  row(3, 'limited'::text), 'three seats left are limited');
select row_eq(
  $$select capacity, seats_left, status
      from api.list_available_exams() where mock_exam_id = 'E-zero'$$,
  row(0, 0, 'full'::text), 'an exam without a capacity is full');

-- A direct writer may overbook.
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active)
select 'B-' || n, 'OLD-' || n, 'E-3', 'S-' || n, n || '@example.com', 'Active'
  from generate_series(1, 4) n;
select row_eq(
  $$select capacity, seats_left, status
      from api.list_available_exams() where mock_exam_id = 'E-3'$$,
  row(3, 0, 'full'::text), 'an overbooked exam is full, with no seats left and not fewer');

set local test.now = '2030-02-01 09:00+00';
select results_eq(
  'select mock_exam_id from api.list_available_exams()', array['E-3', 'E-zero'],
  'an exam that starts now is no longer listed');

select throws_ok($$select api.list_available_exams('Chess')$$, '22023', null,
                 'an unknown mock type is refused');
select throws_ok($$select api.list_available_exams('')$$, '22023', null,
                 'an empty mock type is refused');
select is((select count(*) from api.list_available_exams(' mini-mock ')),
          (select count(*) from api.list_available_exams('Mini-mock')),
          'a mock type is found in another case and with blanks around');

-- The business's time zone decides when an exam starts.
update hubspot_sync.settings set value = 'America/New_York' where key = 'time_zone';
update hubspot_sync.hubspot_mock_exams set start_time = '09:00' where hubspot_id = 'E-past';
select ok('E-past' in (select mock_exam_id from api.list_available_exams()),
          'in the business''s time zone nine o''clock is yet to come');
select is((select starts_at from api.list_available_exams() where mock_exam_id = 'E-past'),
          '2030-02-01 14:00+00', 'the start is told as a moment');
set local timezone = 'Asia/Tokyo';
select ok('E-past' in (select mock_exam_id from api.list_available_exams()),
          'the session''s time zone does not matter');
set local test.now = '2030-02-01 14:00+00';
select ok('E-past' not in (select mock_exam_id from api.list_available_exams()),
          'when that moment has come it is gone');

update hubspot_sync.hubspot_mock_exams set is_active = 'no' where hubspot_id = 'E-3';
select results_eq('select mock_exam_id from api.list_available_exams()', array['E-zero'],
                  'a deactivated exam is not listed');

-- Who asks -----------------------------------------------------------------------------------
set local role authenticated;
select set_config('request.jwt.claims', '{"email":"stranger@example.com"}', true);
select results_eq('select mock_exam_id from api.list_available_exams()', array['E-zero'],
                  'any login with an email sees the list');
select set_config('request.jwt.claims', '{"sub":"u-1"}', true);
select throws_ok('select api.list_available_exams()', '42501', null, 'one without sees none');
set local role anon;
select throws_ok('select api.list_available_exams()', '42501', null, 'nor does anon');
reset role;
update hubspot_sync.hubspot_mock_exams set deleted_at = now() where hubspot_id = 'E-zero';
select is_empty('select api.list_available_exams()', 'a deleted exam is not listed');

select * from finish();
rollback;
