begin;
select plan(4);

select results_eq('select last_position, last_at from hubspot_sync.event_status()',
                  'values (0::bigint, null::timestamptz)', 'an empty log ends at 0');
insert into hubspot_sync.event_log
  (sequence_number, aggregate_type, aggregate_id, event_type, event_data, occurred_at, audit_id)
values (1, 'booking', gen_random_uuid(), 'created', '{}', '2030-01-02 00:00+00', -1),
       (2, 'booking', gen_random_uuid(), 'created', '{}', '2030-01-01 00:00+00', -2);
select results_eq('select last_position, last_at from hubspot_sync.event_status()',
                  $$values (2::bigint, '2030-01-01 00:00+00'::timestamptz)$$,
                  'it ends at the last position, whatever the times say');
select is((select stream_length from hubspot_sync.event_status()), 100000,
          'the stream keeps a hundred thousand');
update hubspot_sync.settings set value = '5' where key = 'stream_length';
select is((select stream_length from hubspot_sync.event_status()), 5, 'or what the setting says');

select * from finish();
rollback;
