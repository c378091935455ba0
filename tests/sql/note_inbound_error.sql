begin;
select plan(5);

create temp view errors as
  select direction, entity, record, hubspot_id, error_message, retry_count, resolved_at
    from hubspot_sync.sync_errors order by id;

do $$begin
  perform hubspot_sync.note_inbound_error('hubspot_mock_exams', 'E-1', '22023: unreadable');
end$$;
select results_eq(
  'table errors',
  $$values ('hubspot_to_supabase', 'hubspot_mock_exams', null::uuid, 'E-1', '22023: unreadable',
            0, null::timestamptz)$$,
  'a record that could not be taken is an open error');
do $$begin
  perform hubspot_sync.note_inbound_error('hubspot_mock_exams', 'E-1', 'MBCAP: negative');
end$$;
select results_eq(
  'select error_message, retry_count from errors', $$values ('MBCAP: negative', 1)$$,
  'while it is open it is one error, with the last message and a count');
do $$begin
  perform hubspot_sync.note_inbound_error('hubspot_contact_credits', 'E-1', 'x');
  perform hubspot_sync.note_inbound_error('hubspot_mock_exams', 'E-2', 'x');
  perform hubspot_sync.note_inbound_error('hubspot_mock_exams', null, 'x');
  perform hubspot_sync.note_inbound_error('hubspot_mock_exams', null, 'y');
end$$;
select is((select count(*) from errors), 4::bigint,
          'another entity or record is another error; records without an id share one');
update hubspot_sync.sync_errors set resolved_at = now() where hubspot_id = 'E-1';
do $$begin
  perform hubspot_sync.note_inbound_error('hubspot_mock_exams', 'E-1', 'again');
end$$;
select is((select count(*) from errors where hubspot_id = 'E-1' and resolved_at is null),
          1::bigint, 'after it was resolved it is a new error');
select is((select retry_count from errors where error_message = 'again'), 0,
          'which counts from the start');

select * from finish();
rollback;
