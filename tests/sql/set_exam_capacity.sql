begin;
select plan(30);

insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values ('E-1', 'Situational Judgment', current_date + 30, '09:00', 2, 'true');
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, sj_credits)
values ('C-1', 'S-1', 'ann@example.com', 1), ('C-2', 'S-2', 'bob@example.com', 1),
       ('C-3', 'S-3', 'cid@example.com', 1);
select api.create_booking('E-1', 'S-1', 'ann@example.com');
select api.create_booking('E-1', 'S-2', 'bob@example.com');
create temp view exam as
  select e.capacity, s.capacity as seats, s.taken
    from hubspot_sync.hubspot_mock_exams e join hubspot_sync.exam_seats s on s.exam = e.id;
create temp view queued as
  select q.operation, q.old_data, q.new_data
    from hubspot_sync.sync_queue q where q.table_name = 'hubspot_mock_exams' order by q.id;
create temp view state as
  select 'exams' as what, md5(string_agg(e::text, ';' order by e.id)) as is_now
    from hubspot_sync.hubspot_mock_exams e
  union all
  select 'seats', md5(string_agg(s::text, ';' order by s.exam)) from hubspot_sync.exam_seats s
  union all
  select 'queue', count(*)::text from hubspot_sync.sync_queue
  union all
  select 'audit', count(*)::text from hubspot_sync.supabase_audit_log;
create temp table before as table state;

select throws_ok('select api.set_exam_capacity()', '22023', null, 'both arguments are needed');
select throws_ok($$select api.set_exam_capacity('E-1')$$, '22023', null, 'a capacity is needed');
select throws_ok('select api.set_exam_capacity(null, 3)', '22023', null, 'an exam is needed');
select throws_ok($$select api.set_exam_capacity(' ', 3)$$, '22023', null,
                 'a blank exam is none, as for the other functions');
select throws_ok($$select api.set_exam_capacity('E-1', -1)$$, 'MBCAP', null,
                 'a negative capacity is refused');
select throws_ok($$select api.set_exam_capacity('E-9', -1)$$, 'MBCAP', null,
                 'a negative capacity is refused before the exam is looked for');
select throws_ok($$select api.set_exam_capacity('E-9', 3)$$, 'MBEXM', null,
                 'an unknown exam is refused');
select throws_ok($$select api.set_exam_capacity('e-1', 3)$$, 'MBEXM', null,
                 'an exam''s id in the wrong case is unknown');
select results_eq('table state', 'table before', 'a refusal changes nothing');

select lives_ok($$select api.set_exam_capacity(' E-1 ', 3)$$, 'a capacity is raised');
select row_eq('table exam', row(3, 3, 2), 'the exam and its counter have the new capacity');
select results_eq('table queued',
                  $$values ('update', '{"capacity": "2"}'::jsonb, '{"capacity": "3"}'::jsonb)$$,
                  'HubSpot is told the capacity, and nothing else');
select lives_ok($$select api.create_booking('E-1', 'S-3', 'cid@example.com')$$,
                'the new seat is sold');

select lives_ok($$select api.set_exam_capacity('E-1', 1)$$,
                'fewer seats than are taken are accepted');
select row_eq('table exam', row(1, 1, 3), 'the exam is overbooked and no booking is lost');
select row_eq($$select seats_left, status from api.list_available_exams()$$,
              row(0, 'full'::text), 'it shows as full');
select throws_ok($$select api.create_booking('E-1', 'S-3', 'cid@example.com')$$, 'MBFUL', null,
                 'and is full for the booking functions');
select is_empty($$select v.name from api.verify() v where v.violations > 0$$,
                'being overbooked breaks no invariant');

select lives_ok($$select api.set_exam_capacity('E-1', 0)$$, 'no seats at all are accepted');
select row_eq('table exam', row(0, 0, 3), 'the exam keeps its bookings');

drop table before;
create temp table before as select * from state where what in ('queue', 'audit');
select lives_ok($$select api.set_exam_capacity('E-1', 0)$$, 'the same capacity is accepted');
select results_eq($$select * from state where what in ('queue', 'audit')$$, 'table before',
                  'the same capacity is neither queued nor audited');

-- What it answers ----------------------------------------------------------------------------
select row_eq(
  $$select mock_exam_id, capacity, seats_taken, seats_left, status, is_active
      from api.set_exam_capacity('E-1', 2)$$,
  row('E-1'::text, 2, 3, 0, 'full'::text, true), 'the exam is answered as it is now');
select is((api.set_exam_capacity('E-1', 2147483647)).seats_left, 2147483644,
          'the largest number is a capacity');
select api.delete_exam('E-1');
select throws_ok($$select api.set_exam_capacity('E-1', 3)$$, 'MBEXM', null,
                 'a deleted exam is not there');
select throws_ok(format('select api.set_exam_capacity(%L, 3)', id), 'MBEXM', null,
                 format('%s is no exam', id))
  from unnest(array['%', ''' or true --', '$$', '\', E'E-1\n']) id;

select * from finish();
rollback;
