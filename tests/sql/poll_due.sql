begin;
select plan(20);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return '2030-01-01 12:00+00'::timestamptz + current_setting('test.later')::interval;
set local test.later = '0';
update hubspot_sync.settings set value = 'fast' where key = 'profile';
update hubspot_sync.settings set value = '5 minutes' where key = 'poll_every_min';
update hubspot_sync.settings set value = '15 minutes' where key = 'poll_every_max';

select is(hubspot_sync.poll_due(), '0', 'a first poll is due at once');
select is(hubspot_sync.note_pace(0, 0), '5 minutes', 'where nothing was seen, polls stay frequent');
select is(hubspot_sync.note_pace(3, 0), '10 minutes',
          'where all that changed had been told by webhooks, they become rarer');
select is(hubspot_sync.note_pace(0, 0), '10 minutes', 'a quiet hour shows nothing');
select is(hubspot_sync.note_pace(3, 0), '15 minutes', 'but never rarer than allowed');
select is(hubspot_sync.note_pace(3, 1), '5 minutes', 'one that no webhook told makes them frequent');
select is(hubspot_sync.note_pace(0, 2), '5 minutes', 'whenever it was changed');

select is(hubspot_sync.poll_due(), '4 minutes 30 seconds',
          'cron is not exact: a little early is on time');
set local test.later = '270 seconds';
select is(hubspot_sync.poll_due(), '0', 'then it is due');
set local test.later = '10 hours';
select is(hubspot_sync.poll_due(), '0', 'and stays so');
set local test.later = '-1 hour';
select is(hubspot_sync.poll_due(), '0', 'a clock that was set back does not put it off');
set local test.later = '0';

update hubspot_sync.settings set value = 'thrifty' where key = 'profile';
select is(hubspot_sync.note_pace(3, 3), '2 hours', 'in profile thrifty it is every two hours');
select is(hubspot_sync.note_pace(3, 0), '4 hours', 'and rarer while webhooks arrive');
select is(hubspot_sync.note_pace(0, 0), '4 hours', 'a quiet night shows nothing');
select is(hubspot_sync.note_pace(3, 0), '8 hours', 'three times a day it is at least');
select is(hubspot_sync.note_pace(3, 0), '8 hours', 'whatever was found');
select is(hubspot_sync.note_pace(3, 1), '2 hours', 'and two hours once they fail');
select is(hubspot_sync.poll_due(), '1 hour 59 minutes', 'within a minute');
update hubspot_sync.settings set value = 'fast' where key = 'profile';
select is(hubspot_sync.poll_due(), '14 minutes', 'a change of the profile counts at once');
update hubspot_sync.settings set value = '1 hour' where key = 'poll_every_min';
select is(hubspot_sync.note_pace(3, 0), '1 hour', 'of two settings that contradict the least rules');

select * from finish();
rollback;
