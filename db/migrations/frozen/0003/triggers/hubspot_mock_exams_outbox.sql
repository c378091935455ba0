-- Queues for HubSpot what changed of an exam. An exam is born there, so its insert is not news.
-- What an administrator changes is urgent, the count of bookings is not.
create or replace function hubspot_sync.hubspot_mock_exams_outbox()
  returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'UPDATE' then
    perform hubspot_sync.enqueue_change(
      'hubspot_mock_exams', new.id, 'update',
      hubspot_sync.exam_properties(old), hubspot_sync.exam_properties(new),
      case when new.total_bookings is distinct from old.total_bookings
        then 'bulk' else 'urgent' end);
  else
    perform hubspot_sync.enqueue_change(
      'hubspot_mock_exams', old.id, 'delete',
      jsonb_build_object('hubspot_id', old.hubspot_id), null);
  end if;
  return null;
end;
$$;

comment on function hubspot_sync.hubspot_mock_exams_outbox() is
  'Trigger: puts changes of exams into sync_queue.';
revoke execute on function hubspot_sync.hubspot_mock_exams_outbox()
  from public, anon, authenticated;

create or replace trigger hubspot_mock_exams_outbox
  after update or delete on hubspot_sync.hubspot_mock_exams
  for each row
  execute function hubspot_sync.hubspot_mock_exams_outbox();
