begin;
select plan(7);

select is(hubspot_sync.setting('time_zone'), 'UTC', 'the time zone is UTC unless given');
select is(hubspot_sync.setting('cancellation_cutoff'), null, 'there is no cut-off unless given');
select is(hubspot_sync.setting('max_sync_attempts'), '3', 'three attempts unless given');
select is(hubspot_sync.setting('no such key'), null, 'an unknown setting is null');
select is(hubspot_sync.setting(null), null, 'a null key is null');

update hubspot_sync.settings set value = 'Europe/Berlin' where key = 'time_zone';
select is(hubspot_sync.setting('time_zone'), 'Europe/Berlin', 'a changed setting holds at once');

select is_empty(
  $$select s.key from hubspot_sync.settings s where trim(s.description) = ''$$,
  'every setting is described');

select * from finish();
rollback;
