begin;
select plan(63);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return now() + current_setting('test.later')::interval;
set local test.later = '0';

insert into hubspot_sync.hubspot_mock_exams (hubspot_id, mock_type, exam_date, capacity)
values ('E-1', 'Mini-mock', '2030-02-01', 9);
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, sjmini_credits)
values ('C-1', 'S-1', 'ann@example.com', 5);
create function pg_temp.id(p_number integer) returns uuid language sql immutable as
  $$select ('00000000-0000-4000-8000-' || lpad(p_number::text, 12, '0'))::uuid$$;
create function pg_temp.book(p_number integer) returns uuid language sql as $$
  insert into hubspot_sync.hubspot_bookings
    (id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active)
  values (pg_temp.id(p_number), 'BK-' || p_number, 'E-1', 'C-1', 'S-' || p_number,
          p_number || '@example.com', 'Active')
  returning id
$$;
create function pg_temp.done(p_number integer, p_epoch bigint) returns integer language sql as $$
  select hubspot_sync.finish_changes('hubspot_bookings', jsonb_build_array(jsonb_build_object(
    'record', pg_temp.id(p_number), 'epoch', p_epoch, 'hubspot_id', 'B-' || p_number)))
$$;
create temp table claimed of hubspot_sync.claimed_change;
create function pg_temp.claim(p_limit integer default 100) returns bigint language sql as $$
  delete from claimed;
  insert into claimed
  select * from hubspot_sync.claim_changes('hubspot_bookings', p_limit, '2 minutes');
  select count(*) from claimed
$$;

-- Bad input ----------------------------------------------------------------------------------
select throws_ok('select hubspot_sync.claim_changes(null)', '22023', null,
                 'a claim of no table is refused');
select throws_ok($$select hubspot_sync.claim_changes('settings')$$, '22023', null,
                 'a table that is not synchronised is refused');
select throws_ok($$select hubspot_sync.claim_changes('HUBSPOT_BOOKINGS')$$, '22023', null,
                 'a table in the wrong case is refused');
select is_empty($$select hubspot_sync.claim_changes('hubspot_bookings')$$,
                'of an empty queue nothing is claimed');

-- A new record -------------------------------------------------------------------------------
select pg_temp.book(1);
select is_empty($$select hubspot_sync.claim_changes('hubspot_bookings', 0)$$,
                'a claim of no record claims none');
select is_empty($$select hubspot_sync.claim_changes('hubspot_mock_exams')$$,
                'a claim of another table claims none');
select is(pg_temp.claim(), 1::bigint, 'a new record is claimed');
select row_eq(
  $$select table_name, record, operation, hubspot_id, unique_value, contact_hubspot_id,
           exam_hubspot_id, associate from claimed$$,
  row('hubspot_bookings'::text, pg_temp.id(1), 'upsert'::text, null::text, 'BK-1'::text,
      'C-1'::text, 'E-1'::text, '{@contact,@exam}'::text[]),
  'with what finds it in HubSpot and what to link it with');
select is((select properties from claimed),
          (select jsonb_object_agg(p.key, p.value)
             from jsonb_each(hubspot_sync.record_properties('hubspot_bookings', pg_temp.id(1))) p
            where p.key not like '@%'),
          'with all its properties, links not among them');
select row_eq(
  $$select sync_attempts, last_sync_attempt, next_attempt_at, unanswered, epoch
      from hubspot_sync.sync_queue where record = pg_temp.id(1)$$,
  (select row(1, now(), now() + interval '2 minutes', false, epoch) from claimed),
  'the queue knows the attempt, the lease and its epoch');

-- In flight ----------------------------------------------------------------------------------
select pg_temp.book(2);
select is(pg_temp.claim(), 1::bigint, 'a record in flight is not claimed again');
select is((select record from claimed), pg_temp.id(2), 'it blocks only itself');
update hubspot_sync.hubspot_bookings set attendance = 'yes' where booking_id = 'BK-1';
select is(pg_temp.claim(), 0::bigint, 'a later change of a record in flight waits');
create temp table first_epoch as
  select epoch from hubspot_sync.sync_queue where record = pg_temp.id(1) and epoch is not null;
select is(pg_temp.done(1, (select epoch from first_epoch)), 1, 'the first send is acknowledged');
select is(pg_temp.claim(), 1::bigint, 'then the later change is due');
select row_eq(
  'select record, operation, hubspot_id, unique_value, properties, associate from claimed',
  row(pg_temp.id(1), 'upsert'::text, 'B-1'::text, 'BK-1'::text, '{"attendance": "yes"}'::jsonb,
      '{}'::text[]),
  'of a record HubSpot has only what changed is sent, and no link');
select is((select epoch > (select epoch from first_epoch) from claimed), true,
          'each claim has a higher epoch than the last');

-- A row of a lower id may commit later than one of a higher.
insert into hubspot_sync.sync_queue (id, table_name, record, operation, new_data)
overriding system value
values (-1, 'hubspot_bookings', pg_temp.id(1), 'update', '{"dominant_hand": "left"}');
select is(pg_temp.claim(), 0::bigint, 'a late row of a lower id does not slip past a lease');
select is(pg_temp.done(1, (select max(epoch) from hubspot_sync.sync_queue
                            where record = pg_temp.id(1))), 1, 'the lease is answered');
select is(pg_temp.claim(), 1::bigint, 'then the late row is due');
select is((select properties from claimed), '{"dominant_hand": ""}'::jsonb,
          'its property is sent as the record has it now');
select pg_temp.done(1, (select epoch from claimed));

-- Coalescing ---------------------------------------------------------------------------------
update hubspot_sync.hubspot_bookings set attendance = 'no' where booking_id = 'BK-1';
update hubspot_sync.hubspot_bookings set attendance = 'late' where booking_id = 'BK-1';
update hubspot_sync.hubspot_bookings set dominant_hand = 'right' where booking_id = 'BK-1';
select is(pg_temp.claim(), 1::bigint, 'several changes of a record are one claim');
select is((select properties from claimed),
          '{"attendance": "late", "dominant_hand": "right"}'::jsonb, 'of its last values');
select is((select count(*) from hubspot_sync.sync_queue q join claimed c using (epoch)), 3::bigint,
          'the claim covers all of them');
select pg_temp.done(1, (select epoch from claimed));

select pg_temp.book(3);
update hubspot_sync.hubspot_bookings set attendance = 'yes' where booking_id = 'BK-3';
select is(pg_temp.claim(), 1::bigint, 'a creation and a change are one claim');
select row_eq($$select operation, properties ->> 'attendance', properties ? 'student_id'
                  from claimed$$,
              row('upsert'::text, 'yes'::text, true), 'of the whole record');
select pg_temp.done(3, (select epoch from claimed));

-- Order --------------------------------------------------------------------------------------
select pg_temp.book(4);
select pg_temp.book(5);
select pg_temp.book(6);
update hubspot_sync.hubspot_bookings set attendance = 'yes' where booking_id = 'BK-4';
select pg_temp.claim(2);
select results_eq('select record from claimed', array[pg_temp.id(4), pg_temp.id(5)],
                  'the records that changed first are claimed first, as many as asked for');

-- A lease that ends unanswered ---------------------------------------------------------------
set local test.later = '119 seconds';
select is(pg_temp.claim(), 1::bigint, 'until its end a lease holds');
set local test.later = '2 minutes';
select ok(pg_temp.claim() >= 2, 'a record whose lease ended unanswered is due again');
select is((select bool_and(unanswered) from hubspot_sync.sync_queue
            where record in (pg_temp.id(4), pg_temp.id(5)) and not synced), true,
          'the queue remembers that a send was never answered');
select is((select min(sync_attempts) from hubspot_sync.sync_queue
            where record = pg_temp.id(4) and not synced), 2, 'and that this is another attempt');

-- Deletions ----------------------------------------------------------------------------------
select pg_temp.book(7);
delete from hubspot_sync.hubspot_bookings where booking_id = 'BK-7';
select pg_temp.claim();
select row_eq('select operation, properties from claimed where record = pg_temp.id(7)',
              row('nothing'::text, '{}'::jsonb),
              'created and deleted before any send is nothing to send');
select pg_temp.done(7, (select epoch from claimed where record = pg_temp.id(7)));

update hubspot_sync.hubspot_bookings set attendance = 'x' where booking_id = 'BK-3';
delete from hubspot_sync.hubspot_bookings where booking_id = 'BK-3';
select pg_temp.claim();
select row_eq('select operation, hubspot_id, unique_value, properties from claimed
                where record = pg_temp.id(3)',
              row('archive'::text, 'B-3'::text, 'BK-3'::text, '{}'::jsonb),
              'a record HubSpot has is archived, by its HubSpot id');

select pg_temp.book(8);
select pg_temp.claim();
delete from hubspot_sync.hubspot_bookings where booking_id = 'BK-8';
select is(pg_temp.claim(), 0::bigint, 'a deletion waits for the send in flight');
set local test.later = '5 minutes';
select pg_temp.claim();
select row_eq('select operation, hubspot_id, unique_value from claimed
                where record = pg_temp.id(8)',
              row('archive'::text, null::text, 'BK-8'::text),
              'once a send was tried a deleted record is archived, by its booking id');

-- An attempt that was HubSpot's fault is not charged, but it was made all the same.
select pg_temp.book(9);
select pg_temp.claim();
select hubspot_sync.fail_changes('hubspot_bookings', jsonb_build_array(jsonb_build_object(
  'record', pg_temp.id(9), 'epoch', c.epoch, 'error', 'time-out', 'unanswered', true,
  'charged', false)))
  from claimed c where c.record = pg_temp.id(9);
delete from hubspot_sync.hubspot_bookings where booking_id = 'BK-9';
set local test.later = '1 hour';
select pg_temp.claim();
select is((select operation from claimed where record = pg_temp.id(9)), 'archive',
          'a record whose unanswered send was not charged is archived all the same');

-- HubSpot may still apply the first of these sends, after the record was archived.
select pg_temp.done(9, (select epoch from claimed where record = pg_temp.id(9)));
set local test.later = '2 hours';
select pg_temp.claim();
select row_eq('select operation, unique_value from claimed where record = pg_temp.id(9)',
              row('archive'::text, 'BK-9'::text),
              'it is archived once more, by its booking id, lest the late send brings it back');

-- The other tables ---------------------------------------------------------------------------
insert into hubspot_sync.hubspot_contact_credits (id, student_id, email)
values (pg_temp.id(20), 'S-20', 'new@example.com');
create temp table contact as select * from hubspot_sync.claim_changes('hubspot_contact_credits');
select row_eq(
  $$select operation, hubspot_id, unique_value, properties ->> 'email', associate,
           contact_hubspot_id, exam_hubspot_id from contact$$,
  row('upsert'::text, null::text, 'S-20'::text, 'new@example.com'::text, '{}'::text[], null::text,
      null::text),
  'a contact is found by its student id and links to nothing');
update hubspot_sync.hubspot_mock_exams set total_bookings = 77 where hubspot_id = 'E-1';
create temp table exam as select * from hubspot_sync.claim_changes('hubspot_mock_exams');
select row_eq(
  'select operation, hubspot_id, unique_value, properties, associate from exam',
  row('upsert'::text, 'E-1'::text, null::text, '{"total_bookings": "77"}'::jsonb, '{}'::text[]),
  'of an exam only what changed here is sent, by its HubSpot id');

-- Links --------------------------------------------------------------------------------------
insert into hubspot_sync.hubspot_bookings
  (id, hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active)
values (pg_temp.id(21), 'B-21', 'BK-21', 'E-late', 'S-20', 'new@example.com', 'Active');
insert into hubspot_sync.hubspot_mock_exams (hubspot_id, capacity) values ('E-late', 1);
select pg_temp.claim();
select row_eq(
  $$select operation, contact_hubspot_id, exam_hubspot_id, associate, properties
      from claimed where record = pg_temp.id(21)$$,
  row('upsert'::text, null::text, 'E-late'::text, '{@exam}'::text[], '{}'::jsonb),
  'an exam that arrives late is linked, and nothing else is sent');
select pg_temp.done(21, (select epoch from claimed where record = pg_temp.id(21)));
update hubspot_sync.hubspot_contact_credits set hubspot_id = 'C-20' where student_id = 'S-20';
select pg_temp.claim();
select row_eq(
  $$select contact_hubspot_id, associate from claimed where record = pg_temp.id(21)$$,
  row('C-20'::text, '{@contact}'::text[]), 'a contact''s HubSpot id that arrives late is linked, too');

-- A second send that waits ---------------------------------------------------------------------
set local test.later = '3 hours';
select pg_temp.book(30);
select pg_temp.claim();
set local test.later = '4 hours';
select pg_temp.claim();  -- the first lease ended without an answer
select pg_temp.done(30, (select epoch from claimed where record = pg_temp.id(30)));
select is((select next_attempt_at from hubspot_sync.sync_queue
            where record = pg_temp.id(30) and operation = 'resend' and not synced),
          hubspot_sync.clock() + interval '60 seconds', 'a second send is queued for later');
update hubspot_sync.hubspot_bookings set attendance = 'yes' where booking_id = 'BK-30';
select pg_temp.claim();
select is((select properties from claimed where record = pg_temp.id(30)),
          '{"attendance": "yes"}'::jsonb, 'a change does not wait for it');
select pg_temp.done(30, (select epoch from claimed where record = pg_temp.id(30)));
select is((select count(*) from hubspot_sync.sync_queue
            where record = pg_temp.id(30) and operation = 'resend' and not synced), 1::bigint,
          'and what is sent meanwhile does not replace it');
set local test.later = '5 hours';
select pg_temp.claim();
select is((select operation from claimed where record = pg_temp.id(30)), 'upsert',
          'it is sent when its time has come');

-- The shadow -----------------------------------------------------------------------------------
set local test.later = '10 days';
select count(pg_temp.claim()), count(hubspot_sync.finish_changes('hubspot_bookings', (
  select jsonb_agg(jsonb_build_object('record', c.record, 'epoch', c.epoch, 'sent', c.properties))
    from claimed c)));
delete from hubspot_sync.sync_queue;
select hubspot_sync.note_shadow('hubspot_bookings', jsonb_build_array(jsonb_build_object(
  'record', pg_temp.id(30), 'properties',
  hubspot_sync.record_properties('hubspot_bookings', pg_temp.id(30)))));
update hubspot_sync.hubspot_bookings set attendance = 'no' where booking_id = 'BK-30';
update hubspot_sync.hubspot_bookings set attendance = 'yes' where booking_id = 'BK-30';
select pg_temp.claim();
select row_eq('select operation, properties from claimed where record = pg_temp.id(30)',
              row('nothing'::text, '{}'::jsonb), 'a change there and back is nothing to send');
select pg_temp.done(30, (select epoch from claimed where record = pg_temp.id(30)));
update hubspot_sync.hubspot_bookings set attendance = 'no' where booking_id = 'BK-30';
select pg_temp.claim();
select hubspot_sync.fail_changes('hubspot_bookings', jsonb_build_array(jsonb_build_object(
  'record', c.record, 'epoch', c.epoch, 'error', 'time-out', 'permanent', true)))
  from claimed c where c.record = pg_temp.id(30);
update hubspot_sync.hubspot_bookings set attendance = 'yes' where booking_id = 'BK-30';
select pg_temp.claim();
select is((select properties from claimed where record = pg_temp.id(30)),
          '{"attendance": "yes"}'::jsonb,
          'unless a worker was handed it in between, though that ended as a dead letter');
select pg_temp.done(30, (select epoch from claimed where record = pg_temp.id(30)));
delete from hubspot_sync.sync_queue;

-- Links that a tried change may have made ------------------------------------------------------
insert into hubspot_sync.sync_queue
  (table_name, record, operation, old_data, new_data, last_sync_attempt)
values ('hubspot_bookings', pg_temp.id(30), 'update', '{"@exam": "E-1"}', '{"@exam": "E-7"}',
        now()),
       ('hubspot_bookings', pg_temp.id(30), 'update', '{"@exam": "E-7"}', '{"@exam": "E-8"}',
        null),
       ('hubspot_bookings', pg_temp.id(30), 'update', '{"@exam": "E-8"}', '{"@exam": "E-1"}',
        null);
select pg_temp.claim();
select is((select left_exam_hubspot_ids from claimed where record = pg_temp.id(30)), array['E-7'],
          'of exams passed through only those a worker may have linked are left');
delete from hubspot_sync.sync_queue;

-- Pauses ---------------------------------------------------------------------------------------
update hubspot_sync.hubspot_bookings set attendance = 'p' where booking_id = 'BK-30';
create function pg_temp.paused(p_scope text, p_at interval, p_for interval) returns bigint
  language sql as $$
  delete from hubspot_sync.sync_pauses;
  update hubspot_sync.sync_queue set epoch = null, next_attempt_at = now() where not synced;
  insert into hubspot_sync.sync_pauses (scope, reason, paused_by, paused_at, until)
  values (p_scope, 'a reason', 'somebody', hubspot_sync.clock() + p_at,
          hubspot_sync.clock() + p_at + p_for);
  select pg_temp.claim()
$$;
select is(pg_temp.paused(t.scope, t.at, t.long), t.claimed, t.fact)
  from (values
    ('hubspot_bookings', '-1 minute'::interval, '2 minutes'::interval, 0::bigint,
     'while its table is paused nothing is claimed'),
    ('*', '-1 minute', '2 minutes', 0, 'nor while all is'),
    ('*', '-1 minute', null, 0, 'nor while a pause has no end'),
    ('hubspot_mock_exams', '-1 minute', '2 minutes', 1, 'a pause of another table stops nothing'),
    ('*', '-2 minutes', '2 minutes', 1, 'nor one that is over'),
    ('*', '5 years', '2 minutes', 1, 'nor one made while the clock was ahead'),
    ('*', '5 years', null, 0, 'unless somebody has to end it')
  ) as t (scope, at, long, claimed, fact);
delete from hubspot_sync.sync_pauses;
delete from hubspot_sync.sync_queue;

-- Lanes ----------------------------------------------------------------------------------------
insert into hubspot_sync.sync_queue (table_name, record, operation, lane, new_data)
values ('hubspot_bookings', pg_temp.id(5), 'resend', 'bulk', '{"attendance": null}'),
       ('hubspot_bookings', pg_temp.id(30), 'resend', 'bulk', '{"attendance": null}'),
       ('hubspot_bookings', pg_temp.id(30), 'resend', 'urgent', '{"dominant_hand": null}');
create function pg_temp.lanes(p_lane text) returns text language sql as $$
  select string_agg(right(c.record::text, 2) || ' ' || c.lane, ', ')
    from hubspot_sync.claim_changes('hubspot_bookings', 100, '2 minutes', p_lane) c
$$;
savepoint unclaimed;
select is(pg_temp.lanes('urgent'), '30 urgent', 'the urgent lane has urgent records alone');
rollback to unclaimed;
select is(pg_temp.lanes('bulk'), '30 urgent, 05 bulk', 'the bulk lane has all, urgent ones first');
rollback to unclaimed;
select is(pg_temp.lanes(null), '30 urgent, 05 bulk', 'so has no lane');
rollback to unclaimed;
update hubspot_sync.settings set value = 'thrifty' where key = 'profile';
select is(pg_temp.lanes(null), '30 urgent', 'but for the thrifty, for whom it is the urgent one');
select is(pg_temp.lanes('bulk'), '05 bulk', 'who may ask for the rest');
select throws_ok($$select hubspot_sync.claim_changes('hubspot_bookings', 1, '1 minute', 'slow')$$,
                 '22023', null, 'an unknown lane is refused');

-- A clock that was set back --------------------------------------------------------------------
delete from hubspot_sync.sync_queue;
insert into hubspot_sync.sync_queue
  (table_name, record, operation, new_data, created_at, next_attempt_at)
values ('hubspot_bookings', pg_temp.id(30), 'resend', '{"attendance": null}',
        hubspot_sync.clock() + interval '10 minutes', hubspot_sync.clock() + interval '10 minutes');
update hubspot_sync.settings set value = 'fast' where key = 'profile';
select pg_temp.claim();  -- finds nothing, and sees that it lies in the future
select is(pg_temp.claim(), 1::bigint, 'a change written while the clock was ahead is claimed');
select pg_temp.claim();
select is(pg_temp.claim(), 0::bigint, 'once: its lease, given since, holds');

select * from finish();
rollback;
