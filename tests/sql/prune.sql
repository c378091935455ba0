begin;
select plan(29);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return now() + current_setting('test.later')::interval;
set local test.later = '0';
create temp table runs (changed integer, more boolean);
create function pg_temp.prune(p_limit integer) returns text language plpgsql as $$
declare
  v_result api.task_result;
begin
  delete from runs;
  loop
    v_result := hubspot_sync.prune(p_limit);
    insert into runs values (v_result.changed, v_result.more);
    exit when not v_result.more;
  end loop;
  return (select format('%s in %s', sum(changed), count(*)) from runs);
end
$$;
create function pg_temp.add(p_count integer, p_age interval, p_synced boolean default true)
  returns text language sql as $$
  insert into hubspot_sync.sync_queue
    (table_name, record, operation, synced, synced_at, created_at)
  select 'hubspot_bookings', gen_random_uuid(), 'update', p_synced,
         case when p_synced then hubspot_sync.clock() - p_age end,
         hubspot_sync.clock() - p_age - interval '1 hour'
    from generate_series(1, p_count);
  select 'added'
$$;
create function pg_temp.remaining() returns bigint language sql as $$
  select count(*) from hubspot_sync.sync_queue
$$;
-- Numbers begin anew, so that pieces are known.
alter sequence hubspot_sync.sync_queue_id_seq restart;
alter sequence hubspot_sync.sync_errors_id_seq restart;
alter sequence hubspot_sync.webhook_inbox_id_seq restart;
alter sequence hubspot_sync.sync_errors_id_seq restart;

select row_eq('select * from hubspot_sync.prune()', row(0, false)::api.task_result,
              'where nothing is there is nothing to delete');

-- What goes and what stays
select pg_temp.add(3, '8 days'), pg_temp.add(2, '6 days'), pg_temp.add(2, '90 days', false);
update hubspot_sync.sync_queue set dead_at = now() - interval '80 days'
 where id = (select max(id) from hubspot_sync.sync_queue);
insert into hubspot_sync.sync_errors (direction, entity, hubspot_id, error_message, created_at,
                                      resolved_at)
values ('hubspot_to_supabase', 'x', '1', 'healed long ago', now() - interval '40 days',
        now() - interval '31 days'),
       ('hubspot_to_supabase', 'x', '2', 'healed', now() - interval '40 days',
        now() - interval '29 days'),
       ('hubspot_to_supabase', 'x', '3', 'open', now() - interval '400 days', null);
select row_eq('select * from hubspot_sync.prune()', row(4, false)::api.task_result,
              'what was sent or healed long ago is deleted');
select is((select count(*) from hubspot_sync.sync_queue where synced), 2::bigint,
          'what was sent lately is kept');
select is((select count(*) from hubspot_sync.sync_queue where not synced), 2::bigint,
          'however old, what is open or dead is kept');
select results_eq('select error_message from hubspot_sync.sync_errors order by id',
                  $$values ('healed'), ('open')$$, 'so are errors healed lately, and open ones');
select is((select last_run_at from hubspot_sync.sync_status where task = 'prune'), now(),
          'sync_status tells when it ran');
set local test.later = '2 days';
select is(pg_temp.prune(20000), '3 in 1', 'in time the others go, too');
update hubspot_sync.sync_queue set synced = true, dead_at = null, synced_at = hubspot_sync.clock();
select is(pg_temp.prune(20000), '0 in 1', 'an old change that was sent just now is kept');
set local test.later = '10 days';
select is(pg_temp.prune(20000), '2 in 1', 'and goes a retention later');
select is(pg_temp.remaining(), 0::bigint, 'then none is left');

-- Settings
select pg_temp.add(1, '2 hours');
insert into hubspot_sync.sync_errors (direction, entity, hubspot_id, error_message, resolved_at)
values ('hubspot_to_supabase', 'x', '4', 'healed', hubspot_sync.clock() - interval '2 hours');
update hubspot_sync.settings set value = '1 hour' where key = 'retention_queue';
select is(pg_temp.prune(20000), '1 in 1', 'how long it is kept is a setting');
update hubspot_sync.settings set value = '1 hour' where key = 'retention_errors';
select is(pg_temp.prune(20000), '1 in 1', 'of errors another');

-- Pieces
delete from hubspot_sync.sync_status;
alter sequence hubspot_sync.sync_queue_id_seq restart;
update hubspot_sync.settings set value = '7 days' where key = 'retention_queue';
select pg_temp.add(10, '8 days'), pg_temp.add(1, '8 days', false), pg_temp.add(9, '8 days'),
       pg_temp.add(30, '1 day');
select is(pg_temp.prune(5), '19 in 5', 'it goes on in pieces until the rows are too young');
select results_eq('select changed from runs', '{5,5,4,5,0}'::integer[],
                  'no piece looks at more ids than its limit');
select is(pg_temp.remaining(), 31::bigint, 'the open one in between is kept');
select is((select (state #>> '{queue,next}')::bigint from hubspot_sync.sync_status), 5::bigint,
          'the next pass begins a piece before the lowest row left, not at the first');
update hubspot_sync.sync_queue set synced = true, synced_at = hubspot_sync.clock() - interval '8 d'
 where not synced;
select is(pg_temp.prune(5), '1 in 4', 'so what was closed meanwhile is found');
select is((select (state #>> '{queue,next}')::bigint from hubspot_sync.sync_status), 15::bigint,
          'and what is gone is never waded through again');
insert into hubspot_sync.sync_queue (id, table_name, record, operation, synced, synced_at,
                                     created_at)
overriding system value
values (18, 'hubspot_bookings', gen_random_uuid(), 'update', true,
        hubspot_sync.clock() - interval '8 days', hubspot_sync.clock() - interval '9 days');
select is(pg_temp.prune(5), '1 in 2', 'a change that committed late is found one piece back');

-- The inbox
delete from hubspot_sync.sync_status;
alter sequence hubspot_sync.webhook_inbox_id_seq restart;
insert into hubspot_sync.webhook_inbox
  (table_name, hubspot_id, kind, received_at, next_attempt_at, done_at, dead_at)
select 'hubspot_bookings', n.id::text, 'poll', now() - interval '30 days',
       now() - interval '30 days',
       case when n.id <= 6 then hubspot_sync.clock() - interval '8 days'
            when n.id = 7 then hubspot_sync.clock() - interval '6 days' end,
       case when n.id = 8 then now() - interval '20 days' end
  from generate_series(1, 9) n (id);
select is(pg_temp.prune(4), '6 in 6', 'signals dealt with long ago are deleted, in pieces, too');
select results_eq('select changed from runs', '{4,2,0,0,0,0}'::integer[],
                  'a pass that has ended waits for the longer one of the outbox');
select results_eq('select hubspot_id from hubspot_sync.webhook_inbox order by id',
                  $$values ('7'), ('8'), ('9')$$,
                  'one dealt with lately, a dead letter and one that is open are kept');
update hubspot_sync.settings set value = '1 day' where key = 'retention_inbox';
select is(pg_temp.prune(20000), '1 in 1', 'how long they are kept is a setting');
insert into hubspot_sync.webhook_inbox (kind, received_at, done_at)
values ('creation', hubspot_sync.clock() - interval '3 days',
        hubspot_sync.clock() - interval '3 days');
select is(pg_temp.prune(20000), '1 in 1', 'events that named no record go, too');

-- Refusals
select throws_ok(format('select hubspot_sync.prune(%s)', given), '22023', null,
                 format('a limit of %s is refused', given))
  from unnest(array['0', '-1', '1000001', 'null']) given;
select is((select count(*) from api.verify() where violations > 0), 0::bigint,
          'every invariant holds');

select * from finish();
rollback;
