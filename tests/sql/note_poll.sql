begin;
select plan(19);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return '2030-01-01 12:00+00'::timestamptz + current_setting('test.later')::interval;
set local test.later = '0';
set local time zone 'Asia/Tokyo';
update hubspot_sync.settings set value = '10 minutes' where key = 'poll_overlap';
update hubspot_sync.settings set value = '7 days' where key = 'poll_recent';
update hubspot_sync.settings set value = 'America/Los_Angeles' where key = 'time_zone';
create temp view state as
  select (hubspot_sync.poll_state('poll', 'hubspot_mock_exams')).*;

select row_eq('select * from state',
              row(null::timestamptz, null::timestamptz, null::text, '2029-12-25'::date,
                  '2030-01-01 12:00+00'::timestamptz),
              'the first pass begins with everything; a day is one of the business''s time zone');
select row_eq(
  $$select * from hubspot_sync.note_poll('poll', 'hubspot_mock_exams',
      '[{"id": "5", "version": "2030-01-01T10:00:00Z"}]', null, '2030-01-01 12:00:05+00', '5')$$,
  row(1, 1, 1, 1), 'a page makes signals');
select row_eq('select since, until, after from state',
              row(null::timestamptz, '2030-01-01 12:00:05+00'::timestamptz, '5'::text),
              'a pass that was cut off goes on after its last page');
select row_eq('select hubspot_id, kind from hubspot_sync.webhook_inbox',
              row('5'::text, 'poll'::text), 'under the name of the task');
select hubspot_sync.note_poll('poll', 'hubspot_mock_exams', '[]', null, '2030-01-01 12:00:05+00',
                              null);
select row_eq('select since, until, after from state',
              row('2030-01-01 11:50:05+00'::timestamptz, null::timestamptz, null::text),
              'after the last one the next pass begins a while before the moment this one began');
select is((hubspot_sync.poll_state('poll', 'hubspot_bookings')).since, null,
          'each table has a watermark of its own');
select is((hubspot_sync.poll_state('reconcile', 'hubspot_mock_exams')).since, null,
          'and so has each task');

select is((select n.fresh from hubspot_sync.note_poll('poll', 'hubspot_mock_exams',
  '[{"id": "6", "version": "2030-01-01T12:00:05Z"}, {"id": "7", "version": "2030-01-01T12:00:06Z"},
    {"id": "8"}]', '2030-01-01 11:50:05+00', '2030-01-01 12:05+00', '7') n), 1,
  'fresh is what was changed after the last whole pass began');
select is((select since from state), '2030-01-01 11:50:05+00',
          'in the middle of a pass the watermark stays');
select hubspot_sync.note_poll('poll', 'hubspot_mock_exams', '[]', '2030-01-01 11:50:05+00',
                              '2030-01-01 12:05+00', null);
select hubspot_sync.note_poll('poll', 'hubspot_mock_exams', '[]', null, '2030-01-01 11:00+00', '9');
select is((select after from state), '9', 'another worker''s pass may be older');
select hubspot_sync.note_poll('poll', 'hubspot_mock_exams', '[]', null, '2030-01-01 11:00+00', null);
select is((select since from state), '2030-01-01 11:55+00', 'its end does not set the mark back');
select hubspot_sync.note_poll('poll', 'hubspot_mock_exams', '[]', null, '2040-01-01 00:00+00', null);
select is((select since from state), '2030-01-01 12:50+00',
          'a moment far ahead of our clock is not believed');
select throws_ok($$select hubspot_sync.note_poll('poll', 'hubspot_mock_exams', '[]', null, null,
                                                 null)$$, '22023', null,
                 'a pass must have begun at some time');
select throws_ok($$select hubspot_sync.note_poll('poll', 'sync_notes', '[]', null, now(), null)$$,
                 '22023', null, 'of notes nothing is read');
select throws_ok($$select hubspot_sync.poll_state('poll', 'sync_notes')$$, '22023', null,
                 'nor is there a place to begin');

-- A page is stored whole or not at all.
select throws_ok(
  $$select hubspot_sync.note_poll('poll', 'hubspot_bookings',
      '[{"id": "5", "version": "no moment"}]', null, '2030-01-01 12:00+00', null)$$, '22007', null,
  'a page that cannot be read');
select is((hubspot_sync.poll_state('poll', 'hubspot_bookings')).since, null, 'moves no mark');
select is((select count(*) from hubspot_sync.webhook_inbox where table_name = 'hubspot_bookings'),
          0::bigint, 'and makes no signal');

-- Our own writes ------------------------------------------------------------------------------
insert into hubspot_sync.hubspot_mock_exams (hubspot_id, capacity) values ('21', 3), ('22', 3);
insert into hubspot_sync.sync_shadow (record, table_name, properties, acknowledged)
select e.id, 'hubspot_mock_exams', '{}', '2030-01-01 18:00+00'
  from hubspot_sync.hubspot_mock_exams e where e.hubspot_id in ('21', '22');
select row_eq(
  $$select * from hubspot_sync.note_poll('poll', 'hubspot_mock_exams',
      '[{"id": "21", "version": "2030-01-01T18:00:00Z"},
        {"id": "22", "version": "2030-01-01T18:00:01Z"}]', null, '2030-01-01 18:00:05+00', '22')$$,
  row(2, 2, 1, 1), 'what we wrote last is read, but says nothing of webhooks');

select * from finish();
rollback;
