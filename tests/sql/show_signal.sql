begin;
select plan(10);

select throws_ok('select hubspot_sync.show_signal()', '22023', null, 'nothing named is refused');
select throws_ok($$select hubspot_sync.show_signal(1, '1')$$, '22023', null, 'so are two names');
select throws_ok($$select hubspot_sync.show_signal(1, p_table => 'cats')$$, '22023', null,
                 'and an unknown table');
select is(hubspot_sync.show_signal(1), null, 'of what nobody knows nothing is told');

insert into hubspot_sync.hubspot_contact_credits (id, hubspot_id, student_id, email)
values ('00000000-0000-4000-8000-000000000001', '1', 'S-1', 'ann@example.com');
insert into hubspot_sync.sync_shadow (record, table_name, properties, read_at)
values ('00000000-0000-4000-8000-000000000001', 'hubspot_contact_credits', '{}',
        '2030-01-01 00:00+00');
insert into hubspot_sync.webhook_inbox (table_name, hubspot_id, kind, event)
values ('hubspot_contact_credits', '1', 'propertyChange', '{"eventId": 7}');
insert into hubspot_sync.webhook_inbox (table_name, hubspot_id, kind, done_at)
select 'hubspot_contact_credits', '1', 'poll', now() from generate_series(1, 25);
insert into hubspot_sync.sync_errors (direction, entity, hubspot_id, error_message)
values ('hubspot_to_supabase', 'hubspot_contact_credits', '1', 'bad'),
       ('supabase_to_hubspot', 'hubspot_contact_credits', '1', 'not this one');
create temp table shown as
  select hubspot_sync.show_signal(min(id)) as told from hubspot_sync.webhook_inbox;
select is((select told - '{signals,errors}'::text[] from shown),
  '{"table": "hubspot_contact_credits", "hubspot_id": "1", "name": "S-1",
    "record": "00000000-0000-4000-8000-000000000001", "read_at": "2030-01-01T00:00:00+00:00"}',
  'a record has its names and the moment it was read last');
select is((select jsonb_array_length(told -> 'signals') from shown), 21,
          'its open signals are told, and the last 20 that are done');
select is((select told #> '{signals,0,event,eventId}' from shown), '7', 'with their events');
select is((select jsonb_path_query_array(told, '$.errors[*].error') from shown), '["bad"]',
          'and what is wrong with reading it');
insert into hubspot_sync.webhook_inbox (table_name, hubspot_id, kind)
values ('hubspot_bookings', '1', 'poll');
select throws_ok($$select hubspot_sync.show_signal(p_hubspot_id => '1')$$, '22023', null,
                 'an id of two records needs its table');
select is((select hubspot_sync.show_signal(p_hubspot_id => '1', p_table => 'bookings') ->> 'table'),
          'hubspot_bookings', 'which settles it');

select * from finish();
rollback;
