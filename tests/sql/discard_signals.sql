begin;
select plan(9);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return now() + current_setting('test.later')::interval;
set local test.later = '0';
create function pg_temp.id(p_hubspot_id text) returns bigint language sql as $$
  select min(id) from hubspot_sync.webhook_inbox where hubspot_id = p_hubspot_id
$$;
create function pg_temp.state(p_hubspot_id text) returns text language sql as $$
  select string_agg(hubspot_sync.signal_state(q), ' ' order by q.id)
    from hubspot_sync.webhook_inbox q
   where q.hubspot_id = p_hubspot_id
$$;

select throws_ok('select hubspot_sync.discard_signals(null)', '22023', null,
                 'nothing named is refused');
select hubspot_sync.store_signals('hubspot_bookings', '{1,2,3,4}', 'poll');
select count(*) from hubspot_sync.claim_signals('hubspot_bookings', 2);
select hubspot_sync.fail_signals('hubspot_bookings', jsonb_build_array(jsonb_build_object(
         'hubspot_id', '1', 'epoch', q.epoch, 'error', 'bad')))
  from hubspot_sync.webhook_inbox q where q.hubspot_id = '1';
update hubspot_sync.webhook_inbox set dead_at = now() where hubspot_id = '1';
update hubspot_sync.webhook_inbox set done_at = now() where hubspot_id = '4';
select results_eq(
  $$select hubspot_id, outcome from hubspot_sync.discard_signals(
      array[pg_temp.id('1'), pg_temp.id('2'), pg_temp.id('3'), pg_temp.id('4'), 0, null])$$,
  $$values (null::text, 'unknown'), ('1', 'discarded'), ('2', 'leased'), ('3', 'discarded'),
           ('4', 'done')$$,
  'each signal is answered for; what a worker has is left to it');
select row_eq(
  $$select hubspot_sync.signal_state(q), q.dead_at, q.history -> -1 ->> 'action',
           q.history -> -1 ->> 'by', q.history -> -1 ->> 'error'
      from hubspot_sync.webhook_inbox q where q.hubspot_id = '1'$$,
  row('done'::text, null::timestamptz, 'discarded'::text, hubspot_sync.actor(), 'bad'::text),
  'a dead letter that was given up is done, and tells by whom');
select isnt((select resolved_at from hubspot_sync.sync_errors where hubspot_id = '1'), null,
            'the record''s error is resolved');
select is(pg_temp.state('2'), 'leased', 'what a worker has stays with it');
select is(hubspot_sync.store_signals('hubspot_bookings', '{1}', 'poll'), 1,
          'the next signal of the record is stored');

-- Another of the record still fails --------------------------------------------------------------
update hubspot_sync.webhook_inbox set last_error = 'bad' where done_at is null;
insert into hubspot_sync.webhook_inbox (table_name, hubspot_id, kind, dead_at)
values ('hubspot_bookings', '1', 'deletion', now());
insert into hubspot_sync.sync_errors (direction, entity, hubspot_id, error_message)
values ('hubspot_to_supabase', 'hubspot_bookings', '1', 'still');
select hubspot_sync.discard_signals(array(
  select id from hubspot_sync.webhook_inbox where kind = 'deletion'));
select is((select count(*) from hubspot_sync.sync_errors
            where hubspot_id = '1' and resolved_at is null), 1::bigint,
          'an error that another signal still has stays open');
set local test.later = '1 hour';
select is((select outcome from hubspot_sync.discard_signals(array[pg_temp.id('2')])), 'discarded',
          'a lease that ended holds nothing up');
select is((select violations from api.verify() where name = 'inbox_consistent'), 0::bigint,
          'the inbox is consistent');

select * from finish();
rollback;
