begin;
select plan(20);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return '2030-01-01 12:00+00'::timestamptz + current_setting('test.later')::interval;
set local test.later = '0';
create function pg_temp.seen(p_id text, p_version text) returns text language sql as $$
  select format('%s of %s', n.queued, n.checked)
    from hubspot_sync.note_sightings('hubspot_mock_exams',
           jsonb_build_array(jsonb_build_object('id', p_id, 'version', p_version)), 'poll') n
$$;
create function pg_temp.read_at(p_id text, p_version timestamptz) returns void language sql as $$
  insert into hubspot_sync.sync_shadow (record, table_name, properties, read_version)
  select e.id, 'hubspot_mock_exams', '{}', p_version
    from hubspot_sync.hubspot_mock_exams e where e.hubspot_id = p_id
  on conflict (record) do update set read_version = p_version
$$;
create function pg_temp.forget() returns void language sql
  as 'delete from hubspot_sync.webhook_inbox';
insert into hubspot_sync.hubspot_mock_exams (hubspot_id, capacity) values ('1', 3), ('2', 3);
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email)
values ('3', 'S-3', 's@example.com');
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email)
values ('4', 'BK-4', '1', 'S-3', 's@example.com');

-- What is read again -------------------------------------------------------------------------
select is(pg_temp.seen('1', '2030-01-01 10:00+00'), '1 of 1',
          'a record of ours that was never read is asked for');
select results_eq(
  'select table_name, hubspot_id, kind, lane, received_at, next_attempt_at, done_at is null
     from hubspot_sync.webhook_inbox',
  $$values ('hubspot_mock_exams', '1', 'poll', 'bulk', '2030-01-01 12:00+00'::timestamptz,
            '2030-01-01 12:00+00'::timestamptz, true)$$, 'as a signal that is due');
select is(pg_temp.seen('1', '2030-01-01 10:00+00'), '0 of 1', 'once, while that waits');
do 'begin perform pg_temp.forget(); perform pg_temp.read_at(''1'', ''2030-01-01 10:00+00''); end';
select is(pg_temp.seen('1', '2030-01-01 10:00+00'), '0 of 1', 'not in the version that was read');
select is(pg_temp.seen('1', '2030-01-01 09:59+00'), '0 of 1', 'nor in an older one');
select is(pg_temp.seen('1', '2030-01-01T10:00:00.001Z'), '1 of 1',
          'a newer one is, by a thousandth of a second');
select is(pg_temp.seen('9', '2020-01-01 10:00+00'), '1 of 1', 'so is one that is not known here');
do 'begin perform pg_temp.forget(); end';
select is(pg_temp.seen('1', null), '1 of 1', 'and one whose version could not be read');
do 'begin perform pg_temp.forget(); end';
select results_eq(
  $$select t.name, n.queued
      from (values ('hubspot_bookings'), ('hubspot_contact_credits'), ('hubspot_mock_exams'))
             t (name)
     cross join lateral hubspot_sync.note_sightings(t.name,
       '[{"id": "2", "version": "2030-01-01T10:00:00Z"}]', 'poll') n$$,
  $$values ('hubspot_bookings', 1), ('hubspot_contact_credits', 1), ('hubspot_mock_exams', 1)$$,
  'the same id in another table is another record');
do 'begin perform pg_temp.forget(); end';
insert into hubspot_sync.sync_shadow (record, table_name, properties, read_version)
select c.id, 'hubspot_contact_credits', '{}'::jsonb, '2030-01-01'::timestamptz
  from hubspot_sync.hubspot_contact_credits c
union all
select b.id, 'hubspot_bookings', '{}', '2030-01-01' from hubspot_sync.hubspot_bookings b;
select is((select n.queued from hubspot_sync.note_sightings('hubspot_contact_credits',
             '[{"id": "3", "version": "2030-01-01T00:00:00Z"}]', 'poll') n), 0,
          'a contact that was read is known');
select is((select n.queued from hubspot_sync.note_sightings('hubspot_bookings',
             '[{"id": "4", "version": "2030-01-01T00:00:00Z"}]', 'poll') n), 0,
          'and so is a booking');
select row_eq(
  $$select n.checked, n.queued from hubspot_sync.note_sightings('hubspot_mock_exams',
      '[{"id": "1", "version": "2030-01-01T09:00:00Z"},
        {"id": "1", "version": "2030-01-01T11:00:00Z"}, {"id": ""}, {}]', 'reconcile') n$$,
  row(1, 1), 'of a record seen twice the newest counts; what has no id is passed over');
do 'begin perform pg_temp.forget(); end';

-- What is being read -------------------------------------------------------------------------
insert into hubspot_sync.webhook_inbox
  (table_name, hubspot_id, kind, epoch, next_attempt_at)
values ('hubspot_mock_exams', '1', 'propertyChange', 7, hubspot_sync.clock() + interval '1 min');
select is(pg_temp.seen('1', '2030-01-01 11:00+00'), '1 of 1',
          'while a worker reads it, it may have changed since');
do 'begin perform pg_temp.forget(); end';
insert into hubspot_sync.webhook_inbox (table_name, hubspot_id, kind, epoch, next_attempt_at)
values ('hubspot_mock_exams', '1', 'propertyChange', 7, hubspot_sync.clock());
select is(pg_temp.seen('1', '2030-01-01 11:00+00'), '0 of 1',
          'a signal whose lease is over is read again anyway');
update hubspot_sync.webhook_inbox set done_at = hubspot_sync.clock();
select is(pg_temp.seen('1', '2030-01-01 11:00+00'), '1 of 1', 'one that is done is no signal');

-- Dead letters -------------------------------------------------------------------------------
update hubspot_sync.webhook_inbox set dead_at = hubspot_sync.clock() where done_at is null;
set local test.later = '1 hour';
select is(pg_temp.seen('1', '2030-01-01 11:00+00'), '0 of 1',
          'a dead letter is not tried again because the same version is seen');
select is(pg_temp.seen('1', '2030-01-01 11:30+00'), '1 of 1', 'a newer one is tried');
do 'begin perform pg_temp.forget(); end';
insert into hubspot_sync.webhook_inbox (table_name, hubspot_id, kind, event, dead_at)
values ('hubspot_mock_exams', '8', 'creation', '{"eventId": 1}', '2030-01-01 12:00+00');
select is(pg_temp.seen('8', '2030-01-01 11:59+00') || ', ' || pg_temp.seen('8', '2030-01-01 12:01+00'),
          '0 of 1, 1 of 1', 'a webhook''s dead letter stands for what was there when it died');
insert into hubspot_sync.webhook_inbox (table_name, hubspot_id, kind, event, event_key, dead_at)
values ('hubspot_mock_exams', '9', 'creation', '{"version": "next"}', 'k', '2030-01-01 12:00+00');
select is(pg_temp.seen('9', '2030-01-01 12:01+00'), '1 of 1', 'whatever that calls its version');

select throws_ok($$select hubspot_sync.note_sightings('sync_notes', '[]', 'poll')$$, '22023', null,
                 'of notes nothing is read');

select * from finish();
rollback;
