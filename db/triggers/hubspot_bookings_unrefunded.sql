-- Notes a booking of ours that somebody else cancelled or deleted without giving its credit back:
-- whoever writes the tables directly answers for the credit, and whoever checks must know.
create or replace function hubspot_sync.hubspot_bookings_unrefunded()
  returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into hubspot_sync.sync_conflicts (entity, record, field, postgres_value, decision)
  select 'hubspot_bookings', old.id, 'is_active',
         case tg_op when 'UPDATE' then new.is_active end,
         format('%s past the functions by %s: the %s of %s is not given back here',
                case tg_op when 'DELETE' then 'deleted' else 'cancelled' end,
                hubspot_sync.actor(), old.token_used, old.booking_id)
   where exists (select from hubspot_sync.credit_ledger l
                  where l.booking = old.id and l.reason = 'booking')
     and not exists (select from hubspot_sync.credit_ledger l
                      where l.booking = old.id and l.reason = 'refund');
  return null;
end;
$$;

comment on function hubspot_sync.hubspot_bookings_unrefunded() is
  'Trigger: writes sync_conflicts when a booking that spent a credit here is cancelled or deleted '
  'without a refund.';
revoke execute on function hubspot_sync.hubspot_bookings_unrefunded()
  from public, anon, authenticated;

create or replace trigger hubspot_bookings_unrefunded
  after update of is_active on hubspot_sync.hubspot_bookings
  for each row
  when (new.is_active = 'Cancelled' and old.is_active is distinct from new.is_active)
  execute function hubspot_sync.hubspot_bookings_unrefunded();

create or replace trigger hubspot_bookings_unrefunded_delete
  after delete on hubspot_sync.hubspot_bookings
  for each row
  when (old.is_active = 'Active')
  execute function hubspot_sync.hubspot_bookings_unrefunded();
