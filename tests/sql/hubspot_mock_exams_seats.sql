begin;
select plan(28);

insert into hubspot_sync.hubspot_mock_exams (hubspot_id, capacity, is_active)
values ('E-1', 5, 'Active'), ('E-2', null, null), ('E-3', 0, 'no');
create temp view seats as
  select e.hubspot_id, s.capacity, s.taken, s.is_open
    from hubspot_sync.exam_seats s join hubspot_sync.hubspot_mock_exams e on e.id = s.exam;
select results_eq('select * from seats order by hubspot_id',
                  $$values ('E-1', 5, 0, true), ('E-2', 0, 0, false), ('E-3', 0, 0, false)$$,
                  'every exam gets its counter, with its capacity and state');

update hubspot_sync.hubspot_mock_exams set capacity = 7, is_active = 'false'
 where hubspot_id = 'E-1';
select row_eq($$select capacity, is_open from seats where hubspot_id = 'E-1'$$, row(7, false),
              'capacity and state follow the exam');
update hubspot_sync.hubspot_mock_exams set capacity = null where hubspot_id = 'E-1';
select is((select capacity from seats where hubspot_id = 'E-1'), 0,
          'a capacity that is lost means no seats');
update hubspot_sync.hubspot_mock_exams set is_active = 'YES' where hubspot_id = 'E-1';
select ok((select is_open from seats where hubspot_id = 'E-1'), 'a state may be spelled oddly');
select throws_ok(
  $$update hubspot_sync.hubspot_mock_exams set capacity = -1 where hubspot_id = 'E-1'$$,
  '23514', null, 'a negative capacity is refused, whoever writes');
select throws_ok($$insert into hubspot_sync.hubspot_mock_exams (capacity) values (1)$$,
                 '23502', null, 'an exam without a HubSpot id is refused');

-- An upsert as the old application does it.
insert into hubspot_sync.hubspot_mock_exams (hubspot_id, capacity, is_active)
values ('E-1', 9, 'active'), ('E-4', 4, 'active')
on conflict (hubspot_id) do update
   set capacity = excluded.capacity, is_active = excluded.is_active;
select results_eq(
  $$select * from seats where hubspot_id in ('E-1', 'E-4') order by hubspot_id$$,
  $$values ('E-1', 9, 0, true), ('E-4', 4, 0, true)$$,
  'an upsert keeps the counters of new and known exams');

-- Bookings that came before their exam -------------------------------------------------------
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active, mock_type,
   exam_date)
values
  ('B-1', '1', 'E-late', 'S-1', '1@example.com', 'Active', null, null),
  ('B-2', '2', 'E-late', 'S-2', '2@example.com', 'Completed', 'Mini-mock', '2030-01-31'),
  ('B-3', '3', 'E-late', 'S-3', '3@example.com', 'Cancelled', null, null),
  ('B-4', '4', 'E-never', 'S-4', '4@example.com', 'Active', null, null);
create temp table queued as select coalesce(max(id), 0) as last from hubspot_sync.sync_queue;
insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values ('E-late', 'Clinical Skills', '2030-02-01', '09:00', 1, 'true');
select row_eq($$select capacity, taken, is_open from seats where hubspot_id = 'E-late'$$,
              row(1, 2, true),
              'an exam that arrives after its bookings counts them, even too many');
select results_eq(
  $$select b.booking_id, e.hubspot_id
      from hubspot_sync.hubspot_bookings b
      left join hubspot_sync.hubspot_mock_exams e on e.id = b.exam
     order by b.booking_id$$,
  $$values ('1', 'E-late'), ('2', 'E-late'), ('3', 'E-late'), ('4', null)$$,
  'its bookings belong to it from now on, and only its own');
select row_eq(
  $$select mock_type, exam_date::date from hubspot_sync.hubspot_bookings where booking_id = '1'$$,
  row('Clinical Skills'::text, '2030-02-01'::date), 'they get its type and date');
select row_eq(
  $$select mock_type, exam_date::date from hubspot_sync.hubspot_bookings where booking_id = '2'$$,
  row('Clinical Skills'::text, '2030-02-01'::date), 'the exam knows better than they');
select results_eq(
  $$select distinct q.new_data ->> '@exam'
      from hubspot_sync.sync_queue q, queued
     where q.id > queued.last and q.table_name = 'hubspot_bookings'$$,
  array['E-late'], 'HubSpot is told of the new link');
select row_eq(
  $$select seats_left, status from api.list_available_exams() where mock_exam_id = 'E-late'$$,
  row(0, 'full'::text), 'such an exam shows as full');

-- Two early bookings of one student fall on one day: one is enough, but the exam must come.
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active)
values ('B-5', '5', 'E-am', 'S-5', '5@example.com', 'Active'),
       ('B-6', '6', 'E-pm', 'S-5', '5@example.com', 'Active');
select lives_ok(
  $$insert into hubspot_sync.hubspot_mock_exams
      (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
    values ('E-am', 'Clinical Skills', '2030-02-05', '09:00', 3, 'true')$$,
  'the first of two exams of a day arrives');
select lives_ok(
  $$insert into hubspot_sync.hubspot_mock_exams
      (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
    values ('E-pm', 'Clinical Skills', '2030-02-05', '14:00', 3, 'true')$$,
  'an exam arrives even if an early booking for it breaks the rule of one a day');
select is((select count(*) from hubspot_sync.hubspot_bookings where student_id = 'S-5'), 2::bigint,
          'and no booking is lost');
select results_eq(
  $$select booking_id, exempt from hubspot_sync.hubspot_bookings
     where student_id = 'S-5' order by booking_id$$,
  $$values ('5', false), ('6', true)$$, 'the one too many is exempt from the rule');
select is((select count(*) from hubspot_sync.sync_conflicts c
             join hubspot_sync.hubspot_bookings b on b.id = c.record where b.booking_id = '6'),
          1::bigint, 'and reported');

-- A deleted exam -----------------------------------------------------------------------------
update hubspot_sync.hubspot_mock_exams set deleted_at = now() where hubspot_id = 'E-1';
select row_eq($$select capacity, is_open from seats where hubspot_id = 'E-1'$$, row(9, false),
              'an exam that is deleted is closed, whatever its state says');
update hubspot_sync.hubspot_mock_exams set is_active = 'true', capacity = 8
 where hubspot_id = 'E-1';
select row_eq($$select capacity, is_open from seats where hubspot_id = 'E-1'$$, row(8, false),
              'it stays closed, though somebody calls it active');
update hubspot_sync.hubspot_mock_exams set deleted_at = 'infinity' where hubspot_id = 'E-1';
select ok(not (select is_open from seats where hubspot_id = 'E-1'),
          'any time of deletion is one');
update hubspot_sync.hubspot_mock_exams set deleted_at = null where hubspot_id = 'E-1';
select ok((select is_open from seats where hubspot_id = 'E-1'),
          'brought back, it is what its state says');
insert into hubspot_sync.hubspot_mock_exams (hubspot_id, capacity, is_active, deleted_at)
values ('E-5', 3, 'true', now()), ('E-6', 3, 'false', null);
select results_eq(
  $$select hubspot_id, is_open from seats where hubspot_id in ('E-5', 'E-6') order by 1$$,
  $$values ('E-5', false), ('E-6', false)$$, 'one that arrives deleted is closed from the start');
update hubspot_sync.hubspot_mock_exams set deleted_at = null where hubspot_id in ('E-5', 'E-6');
select results_eq(
  $$select hubspot_id, is_open from seats where hubspot_id in ('E-5', 'E-6') order by 1$$,
  $$values ('E-5', true), ('E-6', false)$$, 'and opens when it turns out not to be');

-- Deleting -----------------------------------------------------------------------------------
select throws_ok($$delete from hubspot_sync.hubspot_mock_exams where hubspot_id = 'E-late'$$,
                 '23503', null, 'an exam with bookings cannot be deleted');
select lives_ok($$delete from hubspot_sync.hubspot_mock_exams where hubspot_id = 'E-4'$$,
                'an exam without bookings can');
select is((select count(*) from hubspot_sync.exam_seats s
            where not exists (select from hubspot_sync.hubspot_mock_exams e where e.id = s.exam)),
          0::bigint, 'its counter goes with it');
select is_empty(
  $$select v.name, v.sample from api.verify() v
     where v.name in ('seats_counted', 'seats_exist') and v.violations > 0$$,
  'the counters agree with the bookings');

select * from finish();
rollback;
