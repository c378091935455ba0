begin;
select plan(26);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return now() + current_setting('test.later')::interval;
set local test.later = '0';
create function pg_temp.store(
  p_ids text[], p_kind text default 'poll', p_lane text default 'bulk'
) returns integer language sql as $$
  select hubspot_sync.store_signals('hubspot_bookings', p_ids, p_kind, p_lane)
$$;

-- Bad input ----------------------------------------------------------------------------------
select throws_ok($$select hubspot_sync.store_signals(null, '{1}', 'poll')$$, '22023', null,
                 'signals of no table are refused');
select throws_ok($$select hubspot_sync.store_signals('sync_notes', '{1}', 'poll')$$, '22023', null,
                 'notes are not read from HubSpot');
select throws_ok('select pg_temp.store(null)', '22023', null, 'no ids are refused');
select throws_ok($$select pg_temp.store('{1,null}')$$, '22023', null, 'a missing id is refused');
select throws_ok($$select pg_temp.store('{1,""}')$$, '22023', null, 'an empty id is refused');
select throws_ok($$select pg_temp.store(array[repeat('1', 101)])$$, '22023', null,
                 'an endless id is refused');
select throws_ok($$select pg_temp.store('{1}', null)$$, '22023', null, 'no kind is refused');
select throws_ok($$select pg_temp.store('{1}', 'a b')$$, '22023', null,
                 'a kind that is no word is refused');
select throws_ok($$select pg_temp.store('{1}', 'poll', 'slow')$$, '22023', null,
                 'an unknown lane is refused');
select throws_ok($$select pg_temp.store('{1}', 'poll', null)$$, '22023', null,
                 'no lane is refused');
select is(pg_temp.store('{}'), 0, 'no record is none');

-- One signal is enough -----------------------------------------------------------------------
select is(pg_temp.store('{2,1,2}'), 2, 'each record is asked for once, however often named');
select results_eq(
  $$select table_name, hubspot_id, kind, lane, attempts, next_attempt_at, received_at
      from hubspot_sync.webhook_inbox order by id$$,
  $$values ('hubspot_bookings', '1', 'poll', 'bulk', 0, now(), now()),
           ('hubspot_bookings', '2', 'poll', 'bulk', 0, now(), now())$$,
  'a signal is due at once');
select is(pg_temp.store('{1,3}'), 1, 'a record that waits to be read gets no second signal');
select is(hubspot_sync.store_signals('hubspot_mock_exams', '{1}', 'poll'), 1,
          'a record of another table with the same id does');

-- Links --------------------------------------------------------------------------------------
select is(pg_temp.store('{1}', 'reconcile'), 1,
          'a read that leaves out the links is not enough for who needs them');
select is(pg_temp.store('{1}', 'demand'), 0, 'one that reads them is enough for all');
select is(hubspot_sync.store_signals('hubspot_mock_exams', '{1}', 'reconcile'), 0,
          'where there are no links any read will do');

-- Urgent -------------------------------------------------------------------------------------
update hubspot_sync.webhook_inbox set next_attempt_at = now() + interval '1 hour', attempts = 1
 where hubspot_id = '3';
select is(pg_temp.store('{3,4}', 'poll', 'urgent'), 1, 'asked urgently, a new record is added');
select results_eq(
  $$select hubspot_id, lane, next_attempt_at, attempts from hubspot_sync.webhook_inbox
     where hubspot_id in ('3', '4') order by id$$,
  $$values ('3', 'urgent', now(), 1), ('4', 'urgent', now(), 0)$$,
  'and one that waits becomes urgent and due at once, its failures unforgotten');
select is(pg_temp.store('{3}'), 0, 'asked again without haste');
select is((select lane from hubspot_sync.webhook_inbox where hubspot_id = '3'), 'urgent',
          'it stays urgent');

-- In a worker's hands ------------------------------------------------------------------------
select count(*) from hubspot_sync.claim_signals('hubspot_bookings');
select is(pg_temp.store('{4}'), 1,
          'a record in a worker''s hands, who may have read it before, is asked for again');
select is(pg_temp.store('{4}', 'poll', 'urgent'), 0, 'once');
select is((select array_agg(lane || ' ' || (epoch is null) order by id)
             from hubspot_sync.webhook_inbox where hubspot_id = '4'),
          '{urgent false,urgent true}', 'only the signal that no worker has becomes urgent');
update hubspot_sync.webhook_inbox set dead_at = now(), epoch = null where hubspot_id = '4';
select is(pg_temp.store('{4}'), 1, 'a dead letter is no reason not to read a record');

select * from finish();
rollback;
