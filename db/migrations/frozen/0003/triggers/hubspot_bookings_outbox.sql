-- Queues for HubSpot what changed of a booking. A row that arrives with a HubSpot id came from
-- there, or was written there first by the old application: its insert is not news. A
-- cancellation is urgent, unless HubSpot has never been told of the booking.
create or replace function hubspot_sync.hubspot_bookings_outbox()
  returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_row hubspot_sync.hubspot_bookings := new;
begin
  if tg_op = 'UPDATE' then
    -- What an acknowledgement writes is no news for HubSpot.
    v_row.hubspot_id := old.hubspot_id;
    v_row.hubspot_last_sync_at := old.hubspot_last_sync_at;
    if v_row *= old then
      return null;
    end if;
  end if;
  if tg_op = 'INSERT' then
    perform hubspot_sync.enqueue_change(
      'hubspot_bookings', new.id, 'insert', null, hubspot_sync.booking_properties(new));
  elsif tg_op = 'UPDATE' then
    perform hubspot_sync.enqueue_change(
      'hubspot_bookings', new.id, 'update',
      hubspot_sync.booking_properties(old), hubspot_sync.booking_properties(new),
      case
        when new.is_active = 'Cancelled'
             and old.is_active is distinct from new.is_active
             and (new.hubspot_id is not null
                  or exists (select from hubspot_sync.sync_queue q
                              where q.record = new.id
                                and not q.synced
                                and (q.sync_attempts > 0 or q.epoch is not null)))
          then 'urgent'
        else 'bulk' end);
  else
    perform hubspot_sync.enqueue_change(
      'hubspot_bookings', old.id, 'delete',
      jsonb_build_object('hubspot_id', old.hubspot_id, 'booking_id', old.booking_id,
                         '@exam', old.mock_exam_id), null);
  end if;
  return null;
end;
$$;

comment on function hubspot_sync.hubspot_bookings_outbox() is
  'Trigger: puts changes of bookings into sync_queue.';
revoke execute on function hubspot_sync.hubspot_bookings_outbox() from public, anon, authenticated;

create or replace trigger hubspot_bookings_outbox_insert
  after insert on hubspot_sync.hubspot_bookings
  for each row
  when (new.hubspot_id is null)
  execute function hubspot_sync.hubspot_bookings_outbox();

create or replace trigger hubspot_bookings_outbox
  after update or delete on hubspot_sync.hubspot_bookings
  for each row
  execute function hubspot_sync.hubspot_bookings_outbox();
