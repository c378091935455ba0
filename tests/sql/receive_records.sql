begin;
select plan(34);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return now() + current_setting('test.later')::interval;
set local test.later = '0';
-- A merge that does as it is told: the closing of signals is looked at alone.
create temp table merged (function text, arguments jsonb);
create or replace function hubspot_sync.apply_records(
  p_table text, p_records jsonb, out applied integer, out refused jsonb, out stale text[]
) language plpgsql as $$
begin
  insert into pg_temp.merged values ('apply_records ' || p_table, p_records);
  select count(*) filter (where r.value ->> 'told' is null),
         coalesce(jsonb_object_agg(r.value ->> 'id', 'no good')
                    filter (where r.value ->> 'told' = 'refused'), '{}'),
         coalesce(array_agg(r.value ->> 'id') filter (where r.value ->> 'told' = 'stale'), '{}')
    into applied, refused, stale
    from jsonb_array_elements(p_records) r;
end $$;
create or replace function hubspot_sync.apply_gone(p_table text, p_gone jsonb)
  returns jsonb language plpgsql as $$
begin
  insert into pg_temp.merged values ('apply_gone ' || p_table, p_gone);
  return (select coalesce(jsonb_object_agg(g.value ->> 'id', 'busy'), '{}')
            from jsonb_array_elements(p_gone) g
           where g.value ->> 'told' = 'refused');
end $$;
create function pg_temp.store(p_ids text[], p_kind text default 'poll')
  returns integer language sql as $$
  select hubspot_sync.store_signals('hubspot_bookings', p_ids, p_kind)
$$;
create function pg_temp.claim() returns bigint language sql as $$
  select max(epoch) from hubspot_sync.claim_signals('hubspot_bookings')
$$;
create function pg_temp.receive(p_epoch bigint, p_records jsonb, p_gone jsonb default '[]')
  returns jsonb language plpgsql as $$
begin
  delete from pg_temp.merged;
  return hubspot_sync.receive_records('hubspot_bookings', p_epoch, p_records, p_gone);
end $$;
create temp view inbox as
  select q.id, q.hubspot_id, q.kind, hubspot_sync.signal_state(q) as state, q.attempts, q.done_at
    from hubspot_sync.webhook_inbox q;

-- Bad input ----------------------------------------------------------------------------------
select throws_ok($$select hubspot_sync.receive_records('sync_notes', 1, '[]')$$, '22023', null,
                 'notes are not read from HubSpot');
select throws_ok(format('select pg_temp.receive(%s, %L, %L)', e, r, g), '22023', null, d)
  from (values (1, 'null', '[]', '[]', 'no epoch is refused'),
               (2, '1', '{}', '[]', 'records that are no array'),
               (3, '1', '[]', '{}', 'so are losses that are none'),
               (4, '1', '[1]', '[]', 'a record that is no object'),
               (5, '1', '[{"id": 1}]', '[]', 'an id that is no text'),
               (6, '1', '[]', '[{}]', 'a loss without an id'),
               (7, '1', '[{"id": "1", "asked": "1"}]', '[]', 'an answer to what is no array')
       ) x (n, e, r, g, d)
 order by n;

-- What was read ------------------------------------------------------------------------------
select pg_temp.store('{1,2,3,4}');
select pg_temp.store('{1}', 'associationChange');
create temp table epochs as select pg_temp.claim() as epoch;
select pg_temp.store('{1}');
select is(pg_temp.receive(epoch, '[{"id": "1", "properties": {}, "asked": ["1"]}, {"id": "2"}]',
                          '[{"id": "3", "archived": true}, {"id": "4", "archived": false}]'),
          '{"applied": 2, "refused": {}, "stale": [], "closed": 4, "dead": 0}',
          'what was read is taken over')
  from epochs;
select results_eq('select function, arguments from merged',
  $$values ('apply_records hubspot_bookings',
            '[{"id": "1", "properties": {}, "asked": ["1"]}, {"id": "2"}]'::jsonb),
           ('apply_gone hubspot_bookings',
            '[{"id": "3", "archived": true}, {"id": "4", "archived": false}]')$$,
  'as it was read');
select results_eq(
  'select hubspot_id, kind, state, done_at from inbox order by id',
  $$values ('1', 'poll', 'done', now()), ('2', 'poll', 'done', now()),
           ('3', 'poll', 'done', now()), ('4', 'poll', 'done', now()),
           ('1', 'associationChange', 'done', now()), ('1', 'poll', 'due', null::timestamptz)$$,
  'all signals of the claim are closed, one that came meanwhile is not');
select is(pg_temp.receive(epoch, '[{"id": "1"}]') -> 'closed', '0',
          'who answers twice closes nothing') from epochs;
select is((select state from inbox order by id desc limit 1), 'due',
          'least of all what nobody has read');

-- A lease that was lost ----------------------------------------------------------------------
update epochs set epoch = pg_temp.claim();
set local test.later = '1 hour';
select pg_temp.claim();
select is(pg_temp.receive(epoch, '[{"id": "1"}]') -> 'closed', '0',
          'a worker whose lease another has now closes nothing') from epochs;
select is((select state from inbox order by id desc limit 1), 'leased', 'of that one''s');

-- Under another id -----------------------------------------------------------------------------
delete from hubspot_sync.webhook_inbox;
select pg_temp.store('{11,12}');
select is(pg_temp.receive(pg_temp.claim(), '[{"id": "13", "asked": ["11", "12"]}]') -> 'closed',
          '2', 'a record that came back under another id answers for those that were asked for');

-- Refused ------------------------------------------------------------------------------------
delete from hubspot_sync.webhook_inbox;
select pg_temp.store('{21,22}');
select is(pg_temp.receive(pg_temp.claim(), '[{"id": "21", "told": "refused"}, {"id": "22"}]'),
          '{"applied": 1, "refused": {"21": "no good"}, "stale": [], "closed": 1,
            "dead": 0}', 'a refused record holds up no other');
select row_eq($$select state, attempts from inbox where hubspot_id = '21'$$,
              row('waiting'::text, 1), 'it is read again, later');
select results_eq(
  'select error_message, retry_count, resolved_at from hubspot_sync.sync_errors',
  $$values ('no good', 1, null::timestamptz)$$, 'it is an open error');
set local test.later = '2 hours';
select pg_temp.receive(pg_temp.claim(), '[{"id": "23", "asked": ["21"], "told": "refused"}]');
set local test.later = '3 hours';
select is(pg_temp.receive(pg_temp.claim(), '[{"id": "21", "told": "refused"}]') -> 'dead', '1',
          'the third time it is a dead letter');
select is((select state from inbox where hubspot_id = '21'), 'dead', 'and stays one');

select pg_temp.store('{24,25}');
select is(pg_temp.receive(pg_temp.claim(), '[]', '[{"id": "24", "archived": true},
            {"id": "25", "archived": true, "told": "refused"}]'),
          '{"applied": 0, "refused": {"25": "busy"}, "stale": [], "closed": 1, "dead": 0}',
          'so is a deletion that was refused');
delete from hubspot_sync.webhook_inbox where hubspot_id in ('24', '25');

-- Healed -------------------------------------------------------------------------------------
select pg_temp.store('{21}');
select pg_temp.receive(pg_temp.claim(), '[{"id": "21", "told": "refused"}]');
select is((select array_agg(state order by id) from inbox where hubspot_id = '21'),
          '{dead,waiting}', 'another failure settles nothing');
set local test.later = '4 hours';
select is(pg_temp.receive(pg_temp.claim(), '[{"id": "21"}]') -> 'closed', '1', 'a later success');
select is((select array_agg(state order by id) from inbox where hubspot_id = '21'), '{done,done}',
          'settles the record''s dead letters');
select is((select history -> -1 ->> 'note' from hubspot_sync.webhook_inbox
            where hubspot_id = '21' order by id limit 1), 'read since', 'which they tell');
select isnt((select resolved_at from hubspot_sync.sync_errors where hubspot_id = '21'), null,
            'and the error is resolved');

-- Links --------------------------------------------------------------------------------------
delete from hubspot_sync.webhook_inbox;
select pg_temp.store('{31}', 'associationChange'), pg_temp.store('{31}', 'poll');
update hubspot_sync.webhook_inbox set dead_at = now() where kind = 'associationChange';
insert into hubspot_sync.webhook_inbox (table_name, hubspot_id, kind)
values ('hubspot_bookings', '31', 'propertyChange');
select pg_temp.receive(pg_temp.claim(), '[{"id": "31"}]');
select is((select state from inbox where kind = 'associationChange'), 'dead',
          'a read without links does not settle who asked for them');
insert into hubspot_sync.sync_errors (direction, entity, hubspot_id, error_message)
values ('hubspot_to_supabase', 'hubspot_bookings', '31', 'links');
select pg_temp.store('{31}', 'poll'), pg_temp.receive(pg_temp.claim(), '[{"id": "31"}]');
select is((select resolved_at from hubspot_sync.sync_errors where hubspot_id = '31'), null,
          'nor does it resolve the error');
select pg_temp.store('{31}', 'demand');
select pg_temp.receive(pg_temp.claim(), '[{"id": "31", "associations": {"contacts": []}}]');
select is((select state from inbox where kind = 'associationChange'), 'done',
          'a read with them does');

-- Older than known -----------------------------------------------------------------------------
delete from hubspot_sync.webhook_inbox;
select pg_temp.store('{41}');
select is(pg_temp.receive(pg_temp.claim(), '[{"id": "41", "told": "stale"}]'),
          '{"applied": 0, "refused": {}, "stale": ["41"], "closed": 0, "dead": 0}',
          'a record in an older state than known');
select row_eq($$select state, attempts from inbox where hubspot_id = '41'$$, row('due'::text, 0),
              'is due again at once, without charge');
select pg_temp.receive(pg_temp.claim(), '[{"id": "41"}]');
select is((select outdated from hubspot_sync.webhook_inbox where hubspot_id = '41'), 0,
          'once it is read the count begins anew');
select is((select violations from api.verify() where name = 'inbox_consistent'), 0::bigint,
          'the inbox is consistent after all that');

select * from finish();
rollback;
