begin;
select plan(9);

insert into hubspot_sync.event_log
  (sequence_number, aggregate_type, aggregate_id, event_type, event_data, occurred_at, audit_id)
select i, 'booking', gen_random_uuid(), 'created', '{}', now(), -i from generate_series(1, 9) i;

select is(hubspot_sync.open_group('mailer'), 9::bigint, 'a new group begins after the newest event');
select is(hubspot_sync.open_group('mirror', true), 0::bigint, 'or before the first');
select hubspot_sync.note_position('mirror', 4);
select is(hubspot_sync.open_group('mirror'), 4::bigint, 'a known group stays where it is');
select is(hubspot_sync.open_group('mirror', true), 4::bigint, 'whatever was asked for');
select is(hubspot_sync.open_group(repeat('x', 100)), 9::bigint, 'a name may have 100 characters');
select throws_ok(format('select hubspot_sync.open_group(%L)', n), '22023', null,
                 format('%L is no name', left(n, 10)))
  from (values (null), (''), ('  '), (repeat('x', 101))) as t (n);

select * from finish();
rollback;
