begin;
select plan(9);

select is_empty('select * from hubspot_sync.read_events()', 'an empty log has no events');
insert into hubspot_sync.event_log
  (sequence_number, aggregate_type, aggregate_id, event_type, event_data, occurred_at, audit_id)
select i, 'booking', gen_random_uuid(), 'created', jsonb_build_object('booking_id', 'BK-' || i),
       now(), -i
  from generate_series(1, 250) i;

select results_eq('select sequence_number from hubspot_sync.read_events(0, 3)',
                  'values (1::bigint), (2), (3)', 'reading begins with the first');
select results_eq('select sequence_number from hubspot_sync.read_events(248, 3)',
                  'values (249::bigint), (250)', 'it goes on after a position');
select is_empty('select * from hubspot_sync.read_events(250)', 'after the last there is nothing');
select is_empty('select * from hubspot_sync.read_events(9000000000)', 'nor after any later one');
select is((select count(*) from hubspot_sync.read_events()), 100::bigint,
          'unless told otherwise a hundred come');
select is_empty('select * from hubspot_sync.read_events(0, -1)', 'a negative limit reads nothing');
select results_eq(
  'select e.* from hubspot_sync.read_events(6, 1) e',
  'select l.* from hubspot_sync.event_log l where l.sequence_number = 7',
  'an event comes whole');
select results_eq(
  $$select sequence_number from hubspot_sync.read_events(100, 100)$$,
  $$select i::bigint from generate_series(101, 200) i$$, 'events come in order');

select * from finish();
rollback;
