begin;
select plan(18);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return now() + current_setting('test.later')::interval;
set local test.later = '0';
set local hubspot_sync.actor = 'ada';

select row_eq($$select scope, reason, paused_by, paused_at, until
                  from hubspot_sync.pause_sync('bookings', ' a campaign ')$$,
              row('hubspot_bookings'::text, 'a campaign'::text, 'ada'::text, now(),
                  null::timestamptz),
              'a pause tells what, why, by whom and since when');
set local hubspot_sync.actor = 'ben';
select row_eq($$select scope, reason, paused_by, until
                  from hubspot_sync.pause_sync('hubspot_bookings', 'still', '1 hour')$$,
              row('hubspot_bookings'::text, 'a campaign'::text, 'ada'::text, null::timestamptz),
              'one that a person must end is not ended by one that ends by itself');
select row_eq($$select reason, paused_by, until
                  from hubspot_sync.pause_sync('bookings', 'for good')$$,
              row('for good'::text, 'ben'::text, null::timestamptz),
              'one without an end replaces it');
select hubspot_sync.resume_sync('bookings');
select hubspot_sync.pause_sync('bookings', 'a while', '1 minute');
select row_eq($$select reason, until
                  from hubspot_sync.pause_sync('bookings', 'still', '1 hour')$$,
              row('still'::text, now() + interval '1 hour'),
              'one with an end is replaced by any');
select lives_ok($$select hubspot_sync.pause_sync(p_reason => 'HubSpot moves')$$,
                'without a scope all is paused');
select results_eq('select scope, reason from hubspot_sync.list_pauses()',
                  $$values ('*', 'HubSpot moves'), ('hubspot_bookings', 'still')$$,
                  'both are in force');
set local test.later = '1 hour';
select results_eq('select scope from hubspot_sync.list_pauses()', $$values ('*')$$,
                  'one that has an end is over then');
set local test.later = '0';

select throws_ok(format('select hubspot_sync.pause_sync(%s)', given), '22023', null, why)
  from (values
    ('null, ''x''', 'no scope is no pause'),
    ('''settings'', ''x''', 'what is not sent cannot be paused'),
    ('''bookings''', 'a pause needs a reason'),
    ('''bookings'', ''  ''', 'a blank one is none'),
    ('''bookings'', ''x'', ''-1 second''', 'it cannot have ended before it began'),
    ('''bookings'', ''x'', ''31 days''', 'nor last longer than 30 days by itself')
  ) as t (given, why);

select ok(hubspot_sync.resume_sync(), 'all is resumed');
select results_eq('select scope from hubspot_sync.list_pauses()', $$values ('hubspot_bookings')$$,
                  'what was paused by itself stays paused');
select ok(hubspot_sync.resume_sync('bookings'), 'until it is resumed');
select ok(not hubspot_sync.resume_sync('bookings'), 'then there is nothing to resume');
select throws_ok($$select hubspot_sync.resume_sync('settings')$$, '22023', null,
                 'what cannot be paused cannot be resumed');

select * from finish();
rollback;
