begin;
select plan(4);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return now() + current_setting('test.later')::interval;
set local test.later = '0';

select is(hubspot_sync.recall('a task'), null, 'a task that noted nothing knows nothing');
select hubspot_sync.remember('a task', '{"page": "7"}');
select is(hubspot_sync.recall('a task'), '{"page": "7", "age": 0}'::jsonb,
          'a task finds what it noted');
set local test.later = '90 seconds';
select is((hubspot_sync.recall('a task') ->> 'age')::numeric, 90::numeric,
          'and how long ago, in seconds');
set local test.later = '-1 hour';
select is((hubspot_sync.recall('a task') ->> 'age')::numeric, -3600::numeric,
          'by a clock that went back it was noted in the future');

select * from finish();
rollback;
