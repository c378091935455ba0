begin;
select plan(8);

insert into hubspot_sync.event_log
  (sequence_number, aggregate_type, aggregate_id, event_type, event_data, occurred_at, audit_id)
values (1, 'booking', gen_random_uuid(), 'created', '{}', now(), -1);
create temp table before as table hubspot_sync.event_log;

select throws_ok($$update hubspot_sync.event_log set event_type = 'moved'$$, 'MBAPP', null,
                 'the event log refuses an update');
select throws_ok($$update hubspot_sync.event_log set event_type = 'moved' where false$$, 'MBAPP',
                 null, 'of no row, too');
select throws_ok('delete from hubspot_sync.event_log', 'MBAPP', null, 'it refuses a delete');
select throws_ok('truncate hubspot_sync.event_log', 'MBAPP', null, 'it refuses a truncate');
select throws_ok(
  $$insert into hubspot_sync.event_log table before
        on conflict (sequence_number) do update set event_type = 'moved'$$,
  'MBAPP', null, 'an upsert is an update');
select throws_ok(
  $$insert into hubspot_sync.event_log
    select 2, aggregate_type, aggregate_id, event_type, event_data, occurred_at, audit_id
      from before$$,
  '23505', null, 'one row of the audit log is one event');
select throws_ok(
  $$insert into hubspot_sync.event_log
    select 0, aggregate_type, aggregate_id, event_type, event_data, occurred_at, -2
      from before$$,
  '23514', null, 'there is no position 0');
select results_eq('table hubspot_sync.event_log', 'table before', 'it is as it was');

select * from finish();
rollback;
