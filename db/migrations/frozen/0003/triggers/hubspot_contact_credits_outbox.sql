-- Queues for HubSpot what changed of a contact. A row that arrives with a HubSpot id came from
-- there, so its insert is not news.
create or replace function hubspot_sync.hubspot_contact_credits_outbox()
  returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'UPDATE' then
    perform hubspot_sync.enqueue_change(
      'hubspot_contact_credits', new.id, 'update',
      hubspot_sync.contact_properties(old), hubspot_sync.contact_properties(new));
  elsif tg_op = 'INSERT' then
    perform hubspot_sync.enqueue_change(
      'hubspot_contact_credits', new.id, 'insert', null, hubspot_sync.contact_properties(new));
  else
    perform hubspot_sync.enqueue_change(
      'hubspot_contact_credits', old.id, 'delete',
      jsonb_build_object('hubspot_id', old.hubspot_id, 'student_id', old.student_id), null);
  end if;
  return null;
end;
$$;

comment on function hubspot_sync.hubspot_contact_credits_outbox() is
  'Trigger: puts changes of contacts into sync_queue.';
revoke execute on function hubspot_sync.hubspot_contact_credits_outbox()
  from public, anon, authenticated;

create or replace trigger hubspot_contact_credits_outbox_insert
  after insert on hubspot_sync.hubspot_contact_credits
  for each row
  when (new.hubspot_id is null)
  execute function hubspot_sync.hubspot_contact_credits_outbox();

create or replace trigger hubspot_contact_credits_outbox
  after update or delete on hubspot_sync.hubspot_contact_credits
  for each row
  execute function hubspot_sync.hubspot_contact_credits_outbox();
