begin;
select plan(8);

insert into hubspot_sync.event_log
  (sequence_number, aggregate_type, aggregate_id, event_type, event_data, occurred_at, audit_id)
select i, 'booking', gen_random_uuid(), 'created', '{}', now(), -i from generate_series(1, 9) i;
select hubspot_sync.open_group('mailer', true), hubspot_sync.open_group('other', true);

select is(hubspot_sync.note_position('mailer', 5), 5::bigint, 'a position is noted');
select is(hubspot_sync.note_position('mailer', 3), 5::bigint, 'a late note does not go back');
select is(hubspot_sync.note_position('mailer', 9), 9::bigint, 'it may be the last of the log');
select throws_ok($$select hubspot_sync.note_position('mailer', 10)$$, '22023', null,
                 'one that is not in the log is refused');
select throws_ok($$select hubspot_sync.note_position('mailer', null)$$, '22023', null,
                 'none is refused');
select throws_ok($$select hubspot_sync.note_position('nobody', 1)$$, '22023', null,
                 'a group nobody opened is refused');
select throws_ok($$select hubspot_sync.note_position(null, 1)$$, '22023', null,
                 'no group is refused');
select results_eq('select group_name, position from hubspot_sync.event_groups order by 1',
                  $$values ('mailer', 9::bigint), ('other', 0)$$, 'each group has its own');

select * from finish();
rollback;
