begin;
select plan(75);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return now() + current_setting('test.later')::interval;
set local test.later = '0';

create function pg_temp.id(p_number integer) returns uuid language sql immutable as
  $$select ('00000000-0000-4000-8000-' || lpad(p_number::text, 12, '0'))::uuid$$;
insert into hubspot_sync.hubspot_mock_exams (hubspot_id, mock_type, exam_date, capacity)
values ('E-1', 'Mini-mock', '2030-02-01', 9);
insert into hubspot_sync.hubspot_contact_credits (id, student_id, email)
values (pg_temp.id(11), 'S-1', 'ann@example.com'), (pg_temp.id(12), 'S-2', 'bob@example.com');
insert into hubspot_sync.hubspot_bookings
  (id, booking_id, mock_exam_id, student_id, student_email, is_active)
select pg_temp.id(n), 'BK-' || n, 'E-1', 'S-' || n, n || '@example.com', 'Active'
  from generate_series(1, 9) n;
update hubspot_sync.hubspot_bookings set contact = pg_temp.id(11) where booking_id = 'BK-1';

create temp table claimed of hubspot_sync.claimed_change;
create function pg_temp.claim(p_table text default 'hubspot_bookings') returns text
  language sql as $$
  delete from claimed;
  insert into claimed select * from hubspot_sync.claim_changes(p_table, 100, '2 minutes');
  select 'claimed'
$$;
create function pg_temp.answer(p_number integer, p_hubspot_id text, p_epoch bigint default null)
  returns integer language sql as $$
  select hubspot_sync.finish_changes(c.table_name, jsonb_build_array(jsonb_build_object(
           'record', c.record, 'epoch', coalesce(p_epoch, c.epoch), 'hubspot_id', p_hubspot_id,
           'sent', c.properties || case when c.associate <> '{}' then jsonb_build_object(
             '@contact', coalesce(c.contact_hubspot_id, ''),
             '@exam', coalesce(c.exam_hubspot_id, '')) else '{}' end)))
    from claimed c where c.record = pg_temp.id(p_number)
$$;
create temp view open as
  select case when q.record::text ~ '^00000000' then right(q.record::text, 2)::integer end
           as number, q.table_name, q.operation, q.new_data,
         q.next_attempt_at - hubspot_sync.clock() as wait
    from hubspot_sync.sync_queue q where not q.synced order by q.id;

-- Closed and written back --------------------------------------------------------------------
select pg_temp.claim();
update hubspot_sync.hubspot_bookings set attendance = 'yes' where booking_id = 'BK-1';
set local test.later = '10 seconds';
create temp table audited as select count(*) as before from hubspot_sync.supabase_audit_log
 where table_name = 'hubspot_bookings';
select is(pg_temp.answer(1, 'B-1'), 1, 'an acknowledgement in time counts');
select row_eq(
  $$select synced, synced_at, epoch, unanswered from hubspot_sync.sync_queue
     where record = pg_temp.id(1) and table_name = 'hubspot_bookings' and operation = 'insert'$$,
  row(true, hubspot_sync.clock(), null::bigint, false), 'it closes the row that was sent');
select results_eq('select operation, new_data from open where number = 1
                    and table_name = ''hubspot_bookings''',
                  $$values ('update', '{"attendance": "yes"}'::jsonb)$$,
                  'exactly that: a change made meanwhile stays open');
select row_eq(
  $$select hubspot_id, hubspot_last_sync_at from hubspot_sync.hubspot_bookings
     where booking_id = 'BK-1'$$,
  row('B-1'::text, hubspot_sync.clock()), 'HubSpot''s id and the time are written back');
select is((select count(*) from hubspot_sync.supabase_audit_log
            where table_name = 'hubspot_bookings'), (select before from audited),
          'that is neither audited');
select is((select count(*) from open where number = 1 and table_name = 'hubspot_bookings'),
          1::bigint, 'nor queued');

-- The exam's count of bookings ---------------------------------------------------------------
select is((select total_bookings from hubspot_sync.hubspot_mock_exams), 9,
          'the exam''s count of bookings is set from the seats');
select results_eq($$select operation, new_data from open where table_name = 'hubspot_mock_exams'$$,
                  $$values ('update', '{"total_bookings": "9"}'::jsonb)$$,
                  'and queued for HubSpot');
select is(pg_temp.answer(2, 'B-2'), 1, 'another booking of the exam is acknowledged');
select is((select count(*) from open where table_name = 'hubspot_mock_exams'), 1::bigint,
          'a count that did not change is not queued again');

-- Many in one answer -------------------------------------------------------------------------
select is(hubspot_sync.finish_changes('hubspot_bookings',
            (select jsonb_agg(jsonb_build_object('record', record, 'epoch', epoch, 'hubspot_id',
                                                 replace(unique_value, 'BK', 'B')))
               from claimed where record in (pg_temp.id(3), pg_temp.id(4)))), 2,
          'many are acknowledged in one call');
select results_eq(
  $$select booking_id, hubspot_id from hubspot_sync.hubspot_bookings
     where booking_id in ('BK-3', 'BK-4') order by booking_id$$,
  $$values ('BK-3', 'B-3'), ('BK-4', 'B-4')$$, 'each gets its own HubSpot id');
select is(hubspot_sync.finish_changes('hubspot_bookings', '[]'), 0, 'no answers are none');

-- An answer without an id leaves it.
select pg_temp.claim();
select is(pg_temp.answer(1, null), 1, 'an acknowledgement may lack HubSpot''s id');
select is((select hubspot_id from hubspot_sync.hubspot_bookings where booking_id = 'BK-1'), 'B-1',
          'then the id stays');

-- Told twice ---------------------------------------------------------------------------------
set local test.later = '2 minutes';
select pg_temp.claim();
create temp table of_worker_2 as table claimed;
select bag_eq('select right(record::text, 1) from claimed', array['5', '6', '7', '8', '9'],
              'leases that ended unanswered are taken by another worker');

-- A late acknowledgement ---------------------------------------------------------------------
select is(pg_temp.answer(5, 'B-5', (select min(epoch) - 1 from claimed)), 0,
          'a late acknowledgement counts for nothing');
select is((select hubspot_id from hubspot_sync.hubspot_bookings where booking_id = 'BK-5'), 'B-5',
          'but HubSpot''s id is taken');
select is((select count(*) from open where number = 5), 2::bigint,
          'the send of the other worker stays open, and one more is queued');
select row_eq($$select operation, wait from open where number = 5 and operation = 'resend'$$,
              row('resend'::text, '0'::interval), 'to be sent as soon as the lease is answered');
select is(pg_temp.answer(5, 'B-5'), 1, 'the other worker''s acknowledgement counts');
set local test.later = '3 minutes';
select pg_temp.claim();
select is((select properties ->> 'student_id' from claimed where record = pg_temp.id(5)), 'S-5',
          'then the record is sent once more, with all the late send had sent');
select pg_temp.answer(5, 'B-5');

-- An unanswered send -------------------------------------------------------------------------
delete from claimed;
insert into claimed select * from of_worker_2;
select is(pg_temp.answer(6, 'B-6'), 1, 'a second send is acknowledged');
select row_eq('select operation, wait from open where number = 6',
              row('resend'::text, '60 seconds'::interval),
              'the first was never answered, so the record is sent again when that cannot '
              'arrive any more');

-- A failure may have been unanswered, too.
delete from claimed;
insert into claimed (table_name, record, epoch, properties)
select table_name, record, epoch, '{}' from of_worker_2 where record = pg_temp.id(7);
select hubspot_sync.fail_changes('hubspot_bookings', jsonb_build_array(jsonb_build_object(
  'record', record, 'epoch', epoch, 'error', 'time-out', 'unanswered', true, 'charged', false)))
  from claimed;
set local test.later = '4 minutes';
select pg_temp.claim();
select is((select properties ->> 'student_id' from claimed where record = pg_temp.id(6)), 'S-6',
          'with all that was sent');
select pg_temp.answer(6, 'B-6');
select is((select count(*) from open where number = 6), 0::bigint,
          'that one answered, the record is at rest');

set local test.later = '1 hour';
select pg_temp.claim();
select is((select count(*) from hubspot_sync.sync_errors
            where record = pg_temp.id(7) and resolved_at is null), 1::bigint,
          'the failure is an open error');
select is(pg_temp.answer(7, 'B-7'), 1, 'the next send is acknowledged');
select is((select wait from open where number = 7), '60 seconds',
          'after a time-out the record is sent again, too');
select is((select resolved_at from hubspot_sync.sync_errors where record = pg_temp.id(7)),
          hubspot_sync.clock(), 'an acknowledgement resolves the record''s error');

-- Two records here for one there -------------------------------------------------------------
select is(pg_temp.answer(8, 'B-1'), 1, 'HubSpot may answer an id another record has');
select is((select hubspot_id from hubspot_sync.hubspot_bookings where booking_id = 'BK-8'), null,
          'the id is not taken twice');
select results_eq(
  $$select entity, hubspot_id, resolved_at from hubspot_sync.sync_errors
     where record = pg_temp.id(8) and hubspot_id is not null$$,
  $$values ('hubspot_bookings', 'B-1', null::timestamptz)$$, 'a person is told');
select is((select hubspot_id from hubspot_sync.hubspot_bookings where booking_id = 'BK-1'), 'B-1',
          'the other record keeps it');

-- Made anew by HubSpot -----------------------------------------------------------------------
update hubspot_sync.hubspot_bookings set attendance = 'no' where booking_id = 'BK-2';
select pg_temp.claim();
select is(pg_temp.answer(2, 'B-22'), 1, 'HubSpot may answer another id than before');
select is((select hubspot_id from hubspot_sync.hubspot_bookings where booking_id = 'BK-2'), 'B-22',
          'the new id is taken');
set local test.later = '61 minutes';
select pg_temp.claim();
select row_eq(
  $$select properties ->> 'student_id', associate from claimed where record = pg_temp.id(2)$$,
  row('S-2'::text, '{@contact,@exam}'::text[]), 'and the whole record is sent again, with its links');
select pg_temp.answer(2, 'B-22');

-- The other tables ---------------------------------------------------------------------------
select pg_temp.claim('hubspot_contact_credits');
select is(pg_temp.answer(11, 'C-1'), 1, 'a contact is acknowledged');
select row_eq(
  $$select c.hubspot_id, c.hubspot_last_sync_at, b.contact_id
      from hubspot_sync.hubspot_contact_credits c
      join hubspot_sync.hubspot_bookings b on b.contact = c.id
     where c.student_id = 'S-1' and b.booking_id = 'BK-1'$$,
  row('C-1'::text, hubspot_sync.clock(), 'C-1'::text),
  'its HubSpot id is written back, to its bookings, too');
select is(pg_temp.answer(12, 'C-1'), 1, 'an id another contact has may be answered');
select is((select hubspot_id from hubspot_sync.hubspot_contact_credits where student_id = 'S-2'),
          null, 'it is not taken twice');
select pg_temp.claim('hubspot_mock_exams');
select is(hubspot_sync.finish_changes('hubspot_mock_exams',
            (select jsonb_agg(jsonb_build_object('record', record, 'epoch', epoch,
                                                 'hubspot_id', 'E-1')) from claimed)), 1,
          'an exam is acknowledged');
select is((select hubspot_last_sync_at from hubspot_sync.hubspot_mock_exams),
          hubspot_sync.clock(), 'the time is written back');

-- Deletions ----------------------------------------------------------------------------------
delete from hubspot_sync.hubspot_bookings where booking_id in ('BK-3', 'BK-9');
set local test.later = '2 hours';
select pg_temp.claim();
select is(pg_temp.answer(3, null), 1, 'an archived record is acknowledged');
select is((select count(*) from open where number = 3), 0::bigint, 'and is at rest');

-- A booking that left its exam ---------------------------------------------------------------
insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, capacity, is_active)
values ('E-2', 'Mini-mock', current_date + 400, 9, 'true');
update hubspot_sync.hubspot_mock_exams
   set exam_date = current_date + 300, is_active = 'true' where hubspot_id = 'E-1';
create temp view totals as
  select e.hubspot_id, e.total_bookings, s.taken
    from hubspot_sync.hubspot_mock_exams e join hubspot_sync.exam_seats s on s.exam = e.id;
select pg_temp.claim();
select count(pg_temp.answer(n, null)) from generate_series(1, 8) n;
select api.move_booking('BK-4', 'E-2'), api.move_booking('BK-5', 'E-2'),
       api.cancel_booking('BK-6');
select pg_temp.claim();
select is(pg_temp.answer(4, null), 1, 'a booking that moved is acknowledged');
select results_eq(
  'select * from totals order by 1', $$values ('E-1', 4, 4), ('E-2', 2, 2)$$,
  'both the exam it is at now and the one it left have their count');
select api.move_booking('BK-5', 'E-1');
select is(pg_temp.answer(5, null), 1, 'one that was moved on meanwhile is acknowledged');
select row_eq($$select total_bookings, taken from totals where hubspot_id = 'E-1'$$, row(5, 5),
              'the exam it is at now has its count');
select pg_temp.claim();
select is(pg_temp.answer(5, null), 1, 'the move on is acknowledged, too');
select results_eq(
  'select * from totals order by 1', $$values ('E-1', 5, 5), ('E-2', 1, 1)$$,
  'then the exam it was at in between has its own');
delete from hubspot_sync.hubspot_bookings where booking_id = 'BK-4';
select pg_temp.claim();
select is(pg_temp.answer(4, null), 1, 'a booking that was deleted is acknowledged');
select results_eq(
  'select * from totals order by 1', $$values ('E-1', 5, 5), ('E-2', 0, 0)$$,
  'the exam it left with that has its count');
update hubspot_sync.hubspot_bookings set mock_exam_id = 'E-nowhere' where booking_id = 'BK-5';
select pg_temp.claim();
select is(pg_temp.answer(5, null), 1, 'a booking that left for an exam that is not here');
select row_eq($$select total_bookings, taken from totals where hubspot_id = 'E-1'$$, row(4, 4),
              'is counted no more where it was');

-- A late worker and a record that was deleted meanwhile -------------------------------------
set local test.later = '10 days';
insert into hubspot_sync.hubspot_bookings (id, booking_id, mock_exam_id, student_id, student_email)
values (pg_temp.id(20), 'BK-20', 'E-1', 'S-20', '20@example.com');
select pg_temp.claim();
create temp table late as select * from claimed where record = pg_temp.id(20);
delete from hubspot_sync.hubspot_bookings where booking_id = 'BK-20';
set local test.later = '11 days';
select pg_temp.claim();
select count(pg_temp.answer(20, null));
set local test.later = '12 days';
select pg_temp.claim();
select count(pg_temp.answer(20, null));
select is((select count(*) from open where number = 20), 0::bigint,
          'a deleted record is archived, and once more after an unanswered send');
delete from claimed;
insert into claimed select * from late;
select is(pg_temp.answer(20, 'B-20'), 0, 'a worker may come back after all that');
set local test.later = '13 days';
select pg_temp.claim();
select row_eq('select operation, hubspot_id from claimed where record = pg_temp.id(20)',
              row('archive'::text, 'B-20'::text), 'what it brought back is archived');
select count(pg_temp.answer(20, null));

-- Both links of two moves --------------------------------------------------------------------
delete from hubspot_sync.sync_queue where record = pg_temp.id(1);
insert into hubspot_sync.sync_queue (table_name, record, operation, old_data, new_data, unanswered)
values ('hubspot_bookings', pg_temp.id(1), 'update', '{"@exam": "E-7"}', '{"@exam": "E-8"}', true),
       ('hubspot_bookings', pg_temp.id(1), 'resend', '{"@exam": "E-8"}', '{"@exam": null}', true);
select pg_temp.claim();
select count(pg_temp.answer(1, 'B-1'));
select bag_eq(
  $$select q.old_data ->> '@exam' from hubspot_sync.sync_queue q
     where q.record = pg_temp.id(1) and not q.synced and q.operation = 'resend'$$,
  array['E-7', 'E-8'], 'after an unanswered move the links to every exam it left are ended again');

-- A dead letter whose request may still arrive -----------------------------------------------
set local test.later = '14 days';
select pg_temp.claim();
select count(pg_temp.answer(1, 'B-1'));
insert into hubspot_sync.sync_queue
  (table_name, record, operation, new_data, unanswered, dead_at)
values ('hubspot_bookings', pg_temp.id(1), 'update', '{"attendance": "old"}', true, now());
update hubspot_sync.hubspot_bookings set attendance = 'new' where booking_id = 'BK-1';
select pg_temp.claim();
select is(pg_temp.answer(1, 'B-1'), 1, 'what a dead letter was about is sent');
select row_eq('select operation, new_data, wait from open where number = 1',
              row('resend'::text, '{"attendance": null}'::jsonb, '60 seconds'::interval),
              'the dead letter is settled, and its value sent again when it cannot arrive any more');
set local test.later = '15 days';
select pg_temp.claim();
select count(pg_temp.answer(1, 'B-1'));
select is((select count(*) from open where number = 1), 0::bigint, 'once');

-- Bad input ----------------------------------------------------------------------------------
select throws_ok(
  $$select hubspot_sync.finish_changes('settings',
             '[{"record": "00000000-0000-4000-8000-000000000001", "epoch": 1}]')$$,
  '22023', null, 'a table that is not synchronised is refused, as by claim_changes');

select throws_ok(format('select hubspot_sync.finish_changes(%L, %L)', r.name, '[]'), '22023', null,
                 r.fact)
  from (values
    (null, 'no table is refused'), ('', 'an empty name'), ('HubSpot_Bookings', 'another case'),
    (' hubspot_bookings', 'blanks around'), ('hubspot_bookings; drop table x', 'SQL'),
    ('100%s $$ ''\', 'any other text')
  ) as r (name, fact);
select is(hubspot_sync.finish_changes('hubspot_bookings', null), 0, 'no answers at all are none');

select throws_ok($$select hubspot_sync.finish_changes('hubspot_bookings', '[{}]')$$, '22023', null,
                 'answers about nothing are refused');


-- A late link ----------------------------------------------------------------------------------
select hubspot_sync.finish_changes('hubspot_bookings', jsonb_build_array(jsonb_build_object(
  'record', pg_temp.id(2), 'epoch', -1, 'hubspot_id', 'B-2', 'sent', '{"@exam": "E-7"}'::jsonb)));
select is((select count(*) from hubspot_sync.sync_queue q
            where q.operation = 'resend' and q.old_data ->> '@exam' = 'E-7' and not q.synced
              and q.record = pg_temp.id(2)),
          1::bigint, 'what a late worker linked is not left behind');

-- A late archive -------------------------------------------------------------------------------
delete from hubspot_sync.sync_queue where record = pg_temp.id(2);
select hubspot_sync.finish_changes('hubspot_bookings', jsonb_build_array(jsonb_build_object(
  'record', pg_temp.id(99), 'epoch', -1, 'archived', 'BK-2')));
select is((select count(*) from hubspot_sync.sync_queue q
            where q.operation = 'resend' and not q.synced and q.record = pg_temp.id(2)),
          1::bigint, 'what was made again under a key that a late worker archived is sent again');

-- A modified date far ahead ---------------------------------------------------------------------
update hubspot_sync.hubspot_bookings set attendance = 'no' where booking_id = 'BK-1';
select pg_temp.claim();
select is(hubspot_sync.finish_changes('hubspot_bookings', (
            select jsonb_agg(jsonb_build_object(
                     'record', c.record, 'epoch', c.epoch, 'hubspot_id', 'B-1',
                     'sent', c.properties, 'version', '9999-01-01T00:00:00Z'))
              from claimed c where c.record = pg_temp.id(1))),
          1, 'an acknowledgement dated far ahead counts');
select ok((select s.properties ->> 'attendance' = 'no'
                  and coalesce(greatest(s.version, s.acknowledged) < '9999-01-01', true)
             from hubspot_sync.sync_shadow s where s.record = pg_temp.id(1)),
          'but not its date, after which nothing would be newer');

select * from finish();
rollback;
