-- Queues for HubSpot what changed of a contact. A row that arrives with a HubSpot id came from
-- there, so its insert is not news. What an administrator gives or takes is urgent.
create or replace function hubspot_sync.hubspot_contact_credits_outbox()
  returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_row hubspot_sync.hubspot_contact_credits := new;
begin
  if tg_op = 'UPDATE' then
    -- What an acknowledgement writes is no news for HubSpot.
    v_row.hubspot_id := old.hubspot_id;
    v_row.hubspot_last_sync_at := old.hubspot_last_sync_at;
    if v_row *= old then
      return null;
    end if;
  end if;
  if tg_op = 'UPDATE' then
    perform hubspot_sync.enqueue_change(
      'hubspot_contact_credits', new.id, 'update',
      hubspot_sync.contact_properties(old), hubspot_sync.contact_properties(new),
      case when current_setting('hubspot_sync.ledger_reason', true) in ('grant', 'adjustment')
        then 'urgent' else 'bulk' end);
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
