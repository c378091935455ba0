-- Queues for HubSpot what changed of a contact. A row that arrives with a HubSpot id came from
-- there, so its insert is not news.
create or replace function hubspot_sync.hubspot_contact_credits_outbox()
  returns trigger
  language plpgsql
  security definer
  set search_path = ''
as $$
declare
  v_new jsonb;
begin
  if tg_op = 'UPDATE' then
    v_new := hubspot_sync.contact_properties(new, old);
    if v_new <> '{}' then
      insert into hubspot_sync.sync_queue (table_name, record, operation, old_data, new_data)
      values ('hubspot_contact_credits', new.id, 'update',
              hubspot_sync.contact_properties(old, new), v_new);
    end if;
    if new.hubspot_id is distinct from old.hubspot_id then
      -- Bookings made before HubSpot had the contact can be associated with it now.
      update hubspot_sync.hubspot_bookings b
         set contact_id = new.hubspot_id
       where b.contact = new.id
         and b.student_id = new.student_id
         and b.contact_id is distinct from new.hubspot_id;
    end if;
  elsif tg_op = 'INSERT' then
    if new.hubspot_id is null then
      insert into hubspot_sync.sync_queue (table_name, record, operation, new_data)
      values ('hubspot_contact_credits', new.id, 'insert', hubspot_sync.contact_properties(new));
    end if;
  else
    insert into hubspot_sync.sync_queue (table_name, record, operation, old_data)
    values ('hubspot_contact_credits', old.id, 'delete',
            jsonb_build_object('hubspot_id', old.hubspot_id, 'student_id', old.student_id));
  end if;
  return null;
end;
$$;

comment on function hubspot_sync.hubspot_contact_credits_outbox() is
  'Trigger: puts changes of contacts into sync_queue.';
revoke execute on function hubspot_sync.hubspot_contact_credits_outbox() from public;

create or replace trigger hubspot_contact_credits_outbox
  after insert or update or delete on hubspot_sync.hubspot_contact_credits
  for each row
  execute function hubspot_sync.hubspot_contact_credits_outbox();
