begin;
select plan(54);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return timestamptz '2030-06-15 12:00:00+00' + current_setting('test.later')::interval;
set local test.later = '0';
create temp table tickets (name text primary key, ticket bigint);
create function pg_temp.take(p_name text, p_lane text default 'bulk', p_search boolean default false)
  returns text language sql as $$
  insert into tickets select p_name, (hubspot_sync.reserve_call(p_lane, p_search)).ticket
  returning 'taken'
$$;
create function pg_temp.settle(p_name text, p_status integer, p_headers jsonb default '{}',
                               p_policy text default null, p_elapsed interval default null)
  returns boolean language sql as $$
  select hubspot_sync.settle_call(t.ticket, p_status, p_headers, p_policy, p_elapsed)
    from tickets t where t.name = p_name
$$;
create function pg_temp.free(p_search boolean default false) returns integer
  language plpgsql as $$
declare
  v_free integer := 0;
begin
  begin
    while (hubspot_sync.reserve_call('urgent', p_search)).granted loop
      v_free := v_free + 1;
    end loop;
    raise exception 'undo' using errcode = 'ZZ001';
  exception
    when sqlstate 'ZZ001' then
      return v_free;
  end;
end
$$;
create function pg_temp.taken_for() returns interval[] language sql as $$
  select array_agg(s.free_at - hubspot_sync.clock() order by s.free_at)
    from hubspot_sync.hubspot_slots s
   where s.free_at > hubspot_sync.clock()
$$;
create function pg_temp.told(p_remaining integer, p_max integer default 100,
                             p_interval integer default 10000) returns jsonb language sql as $$
  select jsonb_build_object('x-hubspot-ratelimit-max', p_max::text,
                            'x-hubspot-ratelimit-remaining', p_remaining::text,
                            'x-hubspot-ratelimit-interval-milliseconds', p_interval::text)
$$;
create function pg_temp.told_of_the_day(p_remaining integer, p_daily integer default 250000)
  returns jsonb language sql as $$
  select jsonb_build_object('x-hubspot-ratelimit-daily', p_daily::text,
                            'x-hubspot-ratelimit-daily-remaining', p_remaining::text)
$$;
create function pg_temp.paused() returns table (limit_name text, for_how_long interval)
  language sql as $$
  select b.limit_name, b.paused_until - hubspot_sync.clock() from hubspot_sync.hubspot_budget b
   where b.paused_until is not null
$$;
create function pg_temp.today() returns integer language sql as $$
  select b.remaining from hubspot_sync.hubspot_budget b where b.limit_name = 'daily'
$$;
savepoint sound;

-- The slot
select is(hubspot_sync.settle_call(4711, 200), false, 'a ticket nobody has is not open');
select pg_temp.take('a');
set local test.later = '3 seconds';
select is(pg_temp.settle('a', 200), true, 'a ticket is settled');
select is(pg_temp.taken_for(), '{10 s}', 'its slot stays taken for a period from the answer');
select is(pg_temp.settle('a', 200), false, 'once');
rollback to sound;

select pg_temp.take('a');
set local test.later = '3 seconds';
select pg_temp.settle('a', 200, p_elapsed => '2 seconds');
select is(pg_temp.taken_for(), '{8.25 s}',
          'of a long call: from a quarter of a second after it was sent');
rollback to sound;
select pg_temp.take('a');
set local test.later = '3 seconds';
select pg_temp.settle('a', 200, p_elapsed => '200 milliseconds');
select is(pg_temp.taken_for(), '{10 s}', 'of a short call: from the answer');
rollback to sound;
select pg_temp.take('a');
set local test.later = '3 seconds';
select pg_temp.settle('a', 200, p_elapsed => '1 hour');
select is(pg_temp.taken_for(), '{7.25 s}', 'no call was sent before it was granted');
rollback to sound;
update hubspot_sync.settings set value = null where key = 'counted_within';
select pg_temp.take('a');
set local test.later = '3 seconds';
select pg_temp.settle('a', 200, p_elapsed => '2 seconds');
select is(pg_temp.taken_for(), '{10 s}', 'without that setting always from the answer');
rollback to sound;
select pg_temp.take('a');
set local test.later = '3 seconds';
select pg_temp.settle('a', null, p_elapsed => '2 seconds');
select is(pg_temp.taken_for(), '{10 s}', 'where none came, from when we gave up');
rollback to sound;

select pg_temp.take('dead');
set local test.later = '70 seconds';
select 'granted ' || count(*) from generate_series(1, 100)
 where (hubspot_sync.reserve_call('urgent')).granted;
select is(pg_temp.settle('dead', 200), false,
          'who comes back after his slot was given away settles nothing');
select is(pg_temp.free(), 0, 'and frees nobody''s slot');
rollback to sound;

-- HubSpot's limits
select pg_temp.take('a');
select pg_temp.settle('a', 200, pg_temp.told(189, 190, 5000));
select results_eq(
  $$select calls, period, remaining, told_at from hubspot_sync.hubspot_budget
     where limit_name = 'burst'$$,
  $$values (190, '5 seconds'::interval, 189, hubspot_sync.clock())$$,
  'the limit and its period follow the answer');
select is(pg_temp.free(), 189, 'more calls, more slots');
select is(pg_temp.taken_for(), '{5 s}', 'for the period told');
select pg_temp.take('b');
select pg_temp.settle('b', 200, pg_temp.told(48, 50));
select is(pg_temp.free(), 48, 'fewer calls, fewer grants');
rollback to sound;
select lives_ok(
  format($$select hubspot_sync.settle_call((hubspot_sync.reserve_call('bulk')).ticket, 200, %L)$$,
         h.headers),
  format('headers nobody can read change nothing: %s', left(h.headers, 60)))
  from (values ('null'), ('[]'), ('"x"'), ('{"x-hubspot-ratelimit-max": null}'),
               ('{"x-hubspot-ratelimit-max": "0", "x-hubspot-ratelimit-daily": "0",
                  "x-hubspot-ratelimit-interval-milliseconds": "0"}'),
               ('{"x-hubspot-ratelimit-max": "-1", "x-hubspot-ratelimit-remaining": "many",
                  "x-hubspot-ratelimit-daily-remaining": "99999999999999999999"}'),
               ('{"x-hubspot-ratelimit-interval-milliseconds": "1"}'),
               ('{"x-hubspot-ratelimit-interval-milliseconds": "999999999"}'),
               ('{"x-hubspot-ratelimit-max": {}, "retry-after": "soon"}')) as h (headers);
select results_eq(
  'select limit_name, calls, period from hubspot_sync.hubspot_budget order by limit_name',
  $$values ('burst', 100, '10 s'::interval), ('daily', 250000, '1 day'), ('search', 5, '1 s')$$,
  'the limits are what they were');
select pg_temp.take('b');
select pg_temp.settle('b', 200, pg_temp.told(999999990, 999999999));
select is((select calls from hubspot_sync.hubspot_budget where limit_name = 'burst'), 1000,
          'a limit without sense is not believed');
rollback to sound;

-- Others who use the account
select pg_temp.take('a');
select pg_temp.settle('a', 200, pg_temp.told(99));
select is(pg_temp.free(), 99, 'what remains is explained by our call');
select pg_temp.take('b');
select pg_temp.settle('b', 200, pg_temp.told(58));
select is(pg_temp.free(), 53,
          'forty calls of others are taken out, and a twentieth of all to spare');
set local test.later = '1 second';
select pg_temp.take('c');
select pg_temp.settle('c', 200, pg_temp.told(57));
select is(pg_temp.free(), 52, 'once');
select pg_temp.take('d');
select pg_temp.settle('d', 200, pg_temp.told(50));
select is(pg_temp.free(), 45, 'those they make later, too');
set local test.later = '10.5 seconds';
select is(pg_temp.free(), 45 + 2, 'they are believed to go on while our own calls are forgotten');
select pg_temp.take('e');
select pg_temp.settle('e', 200, pg_temp.told(97));
select is(pg_temp.free(), 97, 'until an answer tells that they stopped');
select pg_temp.take('f');
select pg_temp.settle('f', 200, pg_temp.told(10));
set local test.later = '20.5 seconds';
select is(pg_temp.free(), 100, 'or for a period');
rollback to sound;
select pg_temp.take('slow');
select pg_temp.take(i::text) from generate_series(1, 50) i;
select pg_temp.settle(i::text, 200) from generate_series(1, 50) i;
set local test.later = '10 seconds';
select pg_temp.settle('slow', 200, pg_temp.told(49));
select is(pg_temp.free(), 99,
          'calls whose slots became free while an answer was on its way are still ours');
rollback to sound;

-- 429
select pg_temp.take('a', 'urgent');
select pg_temp.take('b');
set local test.later = '4 seconds';
select pg_temp.settle('b', 200);
set local test.later = '9 seconds';
select pg_temp.settle('a', 429, pg_temp.told(99), 'TEN_SECONDLY_ROLLING');
select is(pg_temp.free(), 0, 'after a 429 nothing is free');
set local test.later = '14 seconds';
select is(pg_temp.free(), 1, 'but slots whose calls HubSpot has forgotten become so');
set local test.later = '19 seconds';
select is(pg_temp.free(), 100, 'the others a period later');
select results_eq('select lane, calls, rate_limited from hubspot_sync.hubspot_calls order by lane desc',
                  $$values ('urgent', 1, 1), ('bulk', 1, 0)$$, 'it is counted');
set local test.later = '59 minutes';
select pg_temp.take('d');
set local test.later = '59 minutes 3 seconds';
select pg_temp.settle('d', 200, p_elapsed => '3 seconds');
select is(pg_temp.taken_for(), '{10 s}', 'for an hour a call counts until its answer');
set local test.later = '61 minutes';
select pg_temp.take('c');
set local test.later = '61 minutes 3 seconds';
select pg_temp.settle('c', 200, p_elapsed => '3 seconds');
select is(pg_temp.taken_for(), '{7.25 s}', 'and then no longer');
rollback to sound;
select pg_temp.take(i::text) from generate_series(1, 4) i;
select pg_temp.settle('1', 429, '{"retry-after": "3"}', 'TEN_SECONDLY_ROLLING');
select results_eq('select * from pg_temp.paused()', $$values ('burst', '3 s'::interval)$$,
                  'everybody rests for as long as HubSpot says');
select pg_temp.settle('2', 429, '{"retry-after": "999999999"}', 'ANOTHER');
select results_eq('select * from pg_temp.paused()', $$values ('burst', '1 day'::interval)$$,
                  'but for a day at the most, and whatever the limit is called');
rollback to sound;
select pg_temp.take('a', 'bulk', true);
select pg_temp.settle('a', 429);
select is(pg_temp.free(true), 0, 'a search that was refused stops searches');
select is(pg_temp.free(), 100, 'and nothing else');
rollback to sound;
select pg_temp.take('a', 'bulk', true);
select pg_temp.settle('a', 429, '{"retry-after": "5"}', 'DAILY');
select results_eq('select * from pg_temp.paused()', $$values ('daily', '12:01'::interval)$$,
                  'when the day''s calls are used, everybody rests until midnight');
select is((hubspot_sync.reserve_call('urgent')).reason, 'daily', 'urgent too');
set local test.later = '12 hours 30 seconds';
select is((hubspot_sync.reserve_call('urgent')).reason, 'daily', 'and a minute longer');
set local test.later = '12 hours 1 minute';
select ok((hubspot_sync.reserve_call('urgent')).granted, 'then all goes on');
rollback to sound;
update hubspot_sync.settings set value = 'Asia/Tokyo' where key = 'hubspot_time_zone';
select pg_temp.take('a');
select pg_temp.settle('a', 429, p_policy => 'DAILY');
select results_eq('select * from pg_temp.paused()', $$values ('daily', '03:01'::interval)$$,
                  'midnight where the account is');
rollback to sound;

-- What remains of the day
select pg_temp.take(i::text) from generate_series(1, 3) i;
select pg_temp.settle('2', 200, pg_temp.told_of_the_day(498, 500));
select is(pg_temp.today(), 498, 'what remains of the day follows the answer');
select pg_temp.settle('1', 200, pg_temp.told_of_the_day(499, 500));
select is(pg_temp.today(), 498, 'an answer that comes late knows less');
select pg_temp.settle('3', 200);
select is(pg_temp.today(), 497, 'one that says nothing counts as a call');
set local test.later = '1 second';
select pg_temp.take('4');
select pg_temp.settle('4', 200, pg_temp.told_of_the_day(4990, 5000));
select is((select array[calls, remaining] from hubspot_sync.hubspot_budget
            where limit_name = 'daily'), '{5000,4990}', 'a limit that was raised is followed');
set local test.later = '12 hours';
select pg_temp.take('5');
set local test.later = '12 hours 1 minute 1 second';
select pg_temp.settle('5', 200, pg_temp.told_of_the_day(0));
select ok((hubspot_sync.reserve_call('urgent')).granted,
          'what remained when yesterday ended says nothing of today');

select * from finish();
rollback;
