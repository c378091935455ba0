begin;
select plan(5);

select hubspot_sync.store_signals('hubspot_bookings', '{1,2,3}', 'demand', 'urgent');
create function pg_temp.seen() returns text language sql as $$
  select concat_ws(' ', w.waiting, w.dead, w.last_error)
    from (select array_agg(i.id) as ids from hubspot_sync.webhook_inbox i) s
   cross join lateral hubspot_sync.watch_signals(s.ids || 0::bigint) w
$$;
select is(pg_temp.seen(), '3 0', 'signals wait');
update hubspot_sync.webhook_inbox set done_at = now() where hubspot_id = '1';
select is(pg_temp.seen(), '2 0', 'until they are read');
update hubspot_sync.webhook_inbox set last_error = 'HubSpot is away' where hubspot_id = '2';
update hubspot_sync.webhook_inbox set dead_at = now() where hubspot_id = '3';
select is(pg_temp.seen(), '1 1 HubSpot is away', 'or are dead letters; why is told');
delete from hubspot_sync.webhook_inbox where hubspot_id = '2';
select is(pg_temp.seen(), '0 1', 'what was pruned waits no longer');
select results_eq($$select * from hubspot_sync.watch_signals('{}')$$,
                  $$values (0, 0, null::text)$$, 'none are none');

select * from finish();
rollback;
