begin;
select plan(18);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return current_setting('test.now')::timestamptz;
set local test.now = '2030-01-01 09:00+00';
insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values
  ('E-1', 'Situational Judgment', '2030-02-01', '09:00', 9, 'true'),
  ('E-2', 'Situational Judgment', '2030-02-02', '09:00', 9, 'true'),
  ('E-3', 'Situational Judgment', '2030-02-03', '09:00', 9, 'true');
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, sj_credits)
values ('C-1', 'S-1', 'ann@example.com', 9), ('C-2', 'S-2', 'bob@example.com', 9);
-- A booking under an id of our choice.
create function pg_temp.book(p_name text, p_exam text, p_student text, p_email text)
  returns text language plpgsql as $$
declare
  v_id uuid := (api.create_booking(p_exam, p_student, p_email)).id;
begin
  update hubspot_sync.hubspot_bookings set booking_id = p_name where id = v_id;
  return p_name;
end
$$;
select pg_temp.book('A-1', 'E-1', 'S-1', 'ann@example.com'),
       pg_temp.book('A-2', 'E-2', 'S-1', 'ann@example.com'),
       pg_temp.book('B-1', 'E-1', 'S-2', 'bob@example.com'),
       pg_temp.book('B-2', 'E-2', 'S-2', 'bob@example.com'),
       pg_temp.book('B-3', 'E-3', 'S-2', 'bob@example.com');
select api.cancel_booking('B-1');
update hubspot_sync.hubspot_bookings set is_active = 'Completed' where booking_id = 'B-2';
create temp view days as
  select b.booking_id, b.mock_type, b.exam_date::date as day, b.exempt
    from hubspot_sync.hubspot_bookings b;

create temp table last as
  select (select max(id) from hubspot_sync.sync_queue) as queued;
update hubspot_sync.hubspot_mock_exams set location = 'Lab', capacity = 5, start_time = '10:00'
 where hubspot_id = 'E-1';
select is_empty(
  $$select q.id from hubspot_sync.sync_queue q, last
     where q.id > last.queued and q.table_name = 'hubspot_bookings'$$,
  'what is no date and no type does not reach the bookings');

update hubspot_sync.hubspot_mock_exams set exam_date = '2030-02-10' where hubspot_id = 'E-1';
select results_eq(
  $$select booking_id, day from days where booking_id in ('A-1', 'B-1') order by 1$$,
  $$values ('A-1', '2030-02-10'::date), ('B-1', '2030-02-01')$$,
  'a new date reaches the bookings that hold a seat; a cancelled one keeps its day');
select results_eq(
  $$select q.operation, q.new_data from hubspot_sync.sync_queue q, last
     where q.id > last.queued and q.table_name = 'hubspot_bookings'$$,
  $$values ('update', '{"exam_date": "2030-02-10"}'::jsonb)$$, 'HubSpot is told');
select is((select b.updated_at from hubspot_sync.hubspot_bookings b where b.booking_id = 'A-1'),
          hubspot_sync.clock(), 'and when');
update hubspot_sync.hubspot_mock_exams set mock_type = 'Clinical Skills' where hubspot_id = 'E-2';
select results_eq(
  $$select booking_id, mock_type from days where booking_id in ('A-2', 'B-2') order by 1$$,
  $$values ('A-2', 'Clinical Skills'), ('B-2', 'Clinical Skills')$$,
  'so does a new type, also of completed ones');
select is((select count(*) from hubspot_sync.sync_conflicts), 0::bigint,
          'nothing of that is in the way of anything');
update hubspot_sync.hubspot_mock_exams set mock_type = 'Situational Judgment'
 where hubspot_id = 'E-2';

-- A student's second of that day -------------------------------------------------------------
update hubspot_sync.hubspot_mock_exams set exam_date = '2030-02-02' where hubspot_id = 'E-1';
select results_eq(
  $$select booking_id, day, exempt from days where booking_id like 'A-%' order by 1$$,
  $$values ('A-1', '2030-02-02'::date, true), ('A-2', '2030-02-02', false)$$,
  'the exam moves all the same, and its booking is kept, exempt from the rule');
select results_eq(
  $$select b.booking_id, c.field, c.postgres_value, strpos(c.decision, 'S-1') > 0
      from hubspot_sync.sync_conflicts c join hubspot_sync.hubspot_bookings b on b.id = c.record$$,
  $$values ('A-1', 'exam_date', '2030-02-02', true)$$, 'which is noted, with the student');
select throws_ok($$select api.create_booking('E-1', 'S-1', 'ann@example.com')$$, 'MBDUP', null,
                 'the exempt one still stops a second for its exam');
update hubspot_sync.hubspot_mock_exams set exam_date = '2030-02-02' where hubspot_id = 'E-3';
select is((select exempt from days where booking_id = 'B-3'), false,
          'a completed booking that day is in nobody''s way');
update hubspot_sync.hubspot_mock_exams set exam_date = '2030-02-11' where hubspot_id = 'E-1';
select row_eq($$select day, exempt from days where booking_id = 'A-1'$$,
              row('2030-02-11'::date, true), 'an exempt booking follows its exam, too');
select is((select count(*) from hubspot_sync.sync_conflicts), 1::bigint, 'without another note');

-- Two exams that come together in one statement.
update hubspot_sync.hubspot_bookings set exempt = false where booking_id = 'A-1';
update hubspot_sync.hubspot_mock_exams set exam_date = '2030-02-20'
 where hubspot_id in ('E-1', 'E-2');
select is((select count(*) from days where day = '2030-02-20' and booking_id like 'A-%'),
          2::bigint, 'two exams may fall on one day at once');
select is((select count(*) from days where exempt and booking_id like 'A-%'), 1::bigint,
          'one of the two bookings is exempt');

-- Dates that are none ------------------------------------------------------------------------
update hubspot_sync.hubspot_mock_exams set exam_date = null, mock_type = null
 where hubspot_id = 'E-3';
select row_eq($$select day, mock_type from days where booking_id = 'B-3'$$,
              row(null::date, null::text), 'a date and type that are lost are lost');
update hubspot_sync.hubspot_mock_exams set exam_date = 'infinity', mock_type = $q$'; -- $$ %s \$q$
 where hubspot_id = 'E-3';
select row_eq($$select day, mock_type from days where booking_id = 'B-3'$$,
              row('infinity'::date, $q$'; -- $$ %s \$q$::text),
              'a day that never comes and a type of any letters are carried as they are');
select is((select sum(s.taken)::integer from hubspot_sync.exam_seats s), 4,
          'no seat is lost in all this');

select is_empty($$select v.name, v.sample from api.verify() v where v.violations > 0$$,
                'after all this every invariant holds');

select * from finish();
rollback;
