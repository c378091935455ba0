begin;
select plan(6);

create temp view queued as
  select q.table_name, q.operation, q.old_data, q.new_data, q.synced, q.sync_attempts
    from hubspot_sync.sync_queue q order by q.id desc limit 1;

select hubspot_sync.enqueue_change(
  'hubspot_bookings', gen_random_uuid(), 'update',
  '{"a": "1", "b": "2", "c": ""}', '{"a": "1", "b": "3", "c": "x"}');
select row_eq('table queued',
              row('hubspot_bookings'::text, 'update'::text, '{"b": "2", "c": ""}'::jsonb,
                  '{"b": "3", "c": "x"}'::jsonb, false, 0),
              'an update is queued with what differs, old and new');

select hubspot_sync.enqueue_change(
  'hubspot_bookings', gen_random_uuid(), 'update', '{"a": "1"}', '{"a": "1"}');
select is((select count(*) from hubspot_sync.sync_queue), 1::bigint,
          'an update that changes nothing is not queued');

select hubspot_sync.enqueue_change(
  'hubspot_bookings', gen_random_uuid(), 'insert', null, '{"a": "1"}');
select row_eq('table queued',
              row('hubspot_bookings'::text, 'insert'::text, null::jsonb, '{"a": "1"}'::jsonb,
                  false, 0),
              'an insert is queued whole');
select hubspot_sync.enqueue_change(
  'hubspot_bookings', gen_random_uuid(), 'delete', '{"hubspot_id": "B-1"}', null);
select row_eq('table queued',
              row('hubspot_bookings'::text, 'delete'::text, '{"hubspot_id": "B-1"}'::jsonb,
                  null::jsonb, false, 0),
              'a delete is queued with what finds the record');
select throws_ok(
  $$select hubspot_sync.enqueue_change('hubspot_bookings', gen_random_uuid(), 'merge', null,
                                       '{}')$$,
  '23514', null, 'an unknown operation is refused');
select is((select max(q.next_attempt_at) from hubspot_sync.sync_queue q), now(),
          'a change is due at once');

select * from finish();
rollback;
