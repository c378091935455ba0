begin;
select plan(39);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return timestamptz '2030-06-15 12:00:00+00' + current_setting('test.later')::interval;
set local test.later = '0';
create function pg_temp.ask(p_lane text, p_search boolean default false) returns text
  language sql as $$
  select case when g.granted then 'granted' else g.reason || ' ' || g.wait end
    from hubspot_sync.reserve_call(p_lane, p_search) g
$$;
create function pg_temp.asked(p_times integer, p_lane text, p_search boolean default false)
  returns bigint language sql as $$
  select count(*) filter (where (hubspot_sync.reserve_call(p_lane, p_search)).granted)
    from generate_series(1, p_times)
$$;
create function pg_temp.settled() returns text language sql as $$
  select 'settled ' || count(*) filter (where hubspot_sync.settle_call(s.ticket, 200))
    from (select ticket from hubspot_sync.hubspot_slots where ticket is not null) s
$$;
savepoint sound;

select throws_ok($$select hubspot_sync.reserve_call('slow')$$, '22023', null,
                 'an unknown lane is refused');
select throws_ok($$select hubspot_sync.reserve_call(null)$$, '22023', null, 'so is none');
select results_eq(
  $$select g.granted, g.ticket is not null, g.wait, g.reason
      from hubspot_sync.reserve_call('bulk') g$$,
  $$values (true, true, '0'::interval, null)$$, 'a call is granted with a ticket');
select isnt((hubspot_sync.reserve_call('bulk')).ticket, (hubspot_sync.reserve_call('bulk')).ticket,
            'no two tickets are the same');
rollback to sound;

-- The burst limit
select is(pg_temp.asked(300, 'urgent'), 100::bigint, 'as many calls are granted as HubSpot allows');
select is(pg_temp.ask('urgent'), 'burst 00:00:10',
          'while all of them are under way, none can be free sooner than in a period');
select pg_temp.settled();
set local test.later = '9.999 seconds';
select is(pg_temp.ask('urgent'), 'burst 00:00:00.001', 'a slot is taken for a period after it was used');
set local test.later = '10 seconds';
select is(pg_temp.asked(300, 'urgent'), 100::bigint, 'then it is free again');
rollback to sound;

select is(pg_temp.asked(1, 'urgent'), 1::bigint, 'a worker has a call granted');
set local test.later = '69.999 seconds';
select is(pg_temp.asked(300, 'urgent'), 99::bigint,
          'if it dies, its slot stays taken for the longest request and a period');
set local test.later = '70 seconds';
select is(pg_temp.asked(300, 'urgent'), 1::bigint, 'and is free after that');
rollback to sound;

-- Two lanes
select is(pg_temp.asked(300, 'bulk'), 98::bigint, 'bulk leaves a reserve');
select is(pg_temp.ask('bulk'), 'burst 00:00:10', 'and waits');
select is(pg_temp.asked(300, 'urgent'), 2::bigint, 'urgent takes the reserve');
update hubspot_sync.hubspot_slots s set free_at = hubspot_sync.clock() + s.slot * interval '1 s'
 where s.limit_name = 'burst';
set local test.later = '2 seconds';
select is(pg_temp.ask('bulk'), 'burst 00:00:01', 'bulk waits until the reserve is whole again');
set local test.later = '3 seconds';
select is(pg_temp.asked(9, 'bulk'), 1::bigint, 'and takes what is beyond it');
select is(pg_temp.asked(9, 'urgent'), 2::bigint, 'while urgent finds it free');
rollback to sound;
update hubspot_sync.settings set value = '50' where key = 'urgent_reserve';
select is(pg_temp.asked(300, 'bulk'), 95::bigint,
          'the reserve is never more than a twentieth of the calls');
update hubspot_sync.settings set value = '0' where key = 'urgent_reserve';
select is(pg_temp.asked(300, 'bulk'), 5::bigint, 'and may be nothing');
rollback to sound;

-- Searches
select is(pg_temp.asked(300, 'bulk', true), 5::bigint, 'searches have a limit of their own');
select is(pg_temp.ask('bulk', true), 'search 00:00:01', 'of a second');
select is(pg_temp.asked(300, 'urgent'), 100::bigint, 'which takes nothing from the other calls');
rollback to sound;

-- Pauses
update hubspot_sync.hubspot_budget set paused_until = hubspot_sync.clock() + interval '7 seconds'
 where limit_name = 'burst';
select is(pg_temp.ask('urgent'), 'pause 00:00:07', 'in a pause nobody calls, urgent neither');
select is(pg_temp.ask('urgent', true), 'granted', 'but a search, which is not meant, may go');
set local test.later = '7 seconds';
select is(pg_temp.ask('bulk'), 'granted', 'when the pause is over, calls go on');
rollback to sound;

-- The day
update hubspot_sync.settings set value = '3' where key = 'daily_call_cap';
select is(pg_temp.asked(2, 'bulk') + pg_temp.asked(1, 'urgent', true), 3::bigint,
          'both lanes and searches count for the cap');
select is(pg_temp.ask('bulk'), 'cap 12:01:00', 'bulk beyond the cap waits for the next day');
select is(pg_temp.ask('urgent'), 'granted', 'urgent goes on');
select results_eq(
  'select day, lane, calls, rate_limited from hubspot_sync.hubspot_calls order by lane',
  $$values ('2030-06-15'::date, 'bulk', 2, 0), ('2030-06-15', 'urgent', 2, 0)$$,
  'the calls of the day are counted by lane');
set local test.later = '12 hours 59 seconds';
select is(pg_temp.ask('bulk'), 'cap 00:00:01',
          'a minute past midnight it is still the old day, because clocks differ');
set local test.later = '12 hours 1 minute';
select is(pg_temp.ask('bulk'), 'granted', 'then a new one begins');
rollback to sound;

update hubspot_sync.hubspot_budget set remaining = 2, told_at = hubspot_sync.clock()
 where limit_name = 'daily';
select is(pg_temp.asked(2, 'bulk') + pg_temp.asked(9, 'urgent'), 2::bigint,
          'what HubSpot said remains of the day is shared by the calls under way');
select is(pg_temp.ask('urgent'), 'daily 12:01:00', 'beyond it neither lane goes');
update hubspot_sync.settings set value = 'America/New_York' where key = 'hubspot_time_zone';
select is(pg_temp.ask('urgent'), 'daily 16:01:00', 'until midnight where the account is');
set local test.later = '16 hours 1 minute';
select is(pg_temp.ask('urgent'), 'granted', 'what remained yesterday says nothing of today');
rollback to sound;

-- A clock that was set back
select 'asked ' || pg_temp.asked(100, 'urgent'), pg_temp.settled();
update hubspot_sync.hubspot_budget
   set paused_until = hubspot_sync.clock(), told_at = hubspot_sync.clock(), remaining = 0;
set local test.later = '-1 year';
select is(pg_temp.ask('urgent'), 'burst 00:00:10',
          'when the clock was set back, slots are taken for a period from now');
set local test.later = '-1 year +10 seconds';
select is(pg_temp.asked(300, 'urgent'), 100::bigint, 'and no pause or count holds them up');

rollback to sound;

-- Rows deleted by hand
delete from hubspot_sync.hubspot_slots where slot > 7;
select is(pg_temp.asked(300, 'urgent'), 100::bigint, 'slots that are gone are made again');
select is((select count(*) from hubspot_sync.hubspot_slots where limit_name = 'burst'), 100::bigint,
          'each once');

select * from finish();
rollback;
