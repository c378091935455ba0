begin;
select plan(5);

insert into hubspot_sync.sync_errors (direction, entity, record, hubspot_id, error_message)
values ('hubspot_to_supabase', 'hubspot_mock_exams', null, '1', 'x'),
       ('hubspot_to_supabase', 'hubspot_contact_credits', null, '1', 'x'),
       ('hubspot_to_supabase', 'hubspot_mock_exams', null, '2', 'x'),
       ('supabase_to_hubspot', 'hubspot_mock_exams', null, '1', 'x');
create temp view open as
  select direction, entity, hubspot_id from hubspot_sync.sync_errors where resolved_at is null;

do $$begin
  perform hubspot_sync.resolve_inbound_error('hubspot_mock_exams', '1');
end$$;
select bag_eq('table open',
              $$values ('hubspot_to_supabase', 'hubspot_contact_credits', '1'),
                       ('hubspot_to_supabase', 'hubspot_mock_exams', '2'),
                       ('supabase_to_hubspot', 'hubspot_mock_exams', '1')$$,
              'the record''s own open error is closed, and no other');
select is((select max(resolved_at) from hubspot_sync.sync_errors), hubspot_sync.clock(),
          'the time is kept');

create temp table before as table hubspot_sync.sync_errors;
do $$begin
  perform hubspot_sync.resolve_inbound_error('hubspot_mock_exams', '1');
  perform hubspot_sync.resolve_inbound_error('hubspot_mock_exams', '9');
  perform hubspot_sync.resolve_inbound_error('hubspot_mock_exams', null);
end$$;
select bag_eq('table hubspot_sync.sync_errors', 'table before',
              'a record without an open error has none to close');

do $$begin
  perform hubspot_sync.note_inbound_error('hubspot_mock_exams', '1', 'again');
end$$;
select is((select count(*) from open where hubspot_id = '1' and entity = 'hubspot_mock_exams'
              and direction = 'hubspot_to_supabase'), 1::bigint,
          'a later failure is an open error again');
select is((select count(*) from hubspot_sync.sync_errors where resolved_at is not null), 1::bigint,
          'and the healed one stays in the history');

select * from finish();
rollback;
