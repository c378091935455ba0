begin;
select plan(3);

select is(hubspot_sync.clock(), now(), 'the clock is the start of the transaction');
select is((select p.provolatile::text from pg_proc p
            where p.oid = 'hubspot_sync.clock()'::regprocedure),
          's', 'the clock stands still within a statement');

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return timestamptz '2030-06-15 12:00+00';
select matches(hubspot_sync.new_booking_id(), '^BK-20300615-',
               'replacing the clock moves time for the functions that use it');

select * from finish();
rollback;
