-- Notes a booking of ours that somebody else cancelled without giving its credit back: whoever
-- writes the tables directly answers for the credit, and whoever checks must know.
create or replace function hubspot_sync.hubspot_bookings_unrefunded()
  returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into hubspot_sync.sync_conflicts (entity, record, field, postgres_value, decision)
  select 'hubspot_bookings', new.id, 'is_active', new.is_active,
         format('cancelled past the functions by %s: its %s is not given back here',
                hubspot_sync.actor(), new.token_used)
   where exists (select from hubspot_sync.credit_ledger l
                  where l.booking = new.id and l.reason = 'booking')
     and not exists (select from hubspot_sync.credit_ledger l
                      where l.booking = new.id and l.reason = 'refund');
  return null;
end;
$$;

comment on function hubspot_sync.hubspot_bookings_unrefunded() is
  'Trigger: writes sync_conflicts when a booking that spent a credit here is cancelled without a '
  'refund.';
revoke execute on function hubspot_sync.hubspot_bookings_unrefunded()
  from public, anon, authenticated;

create or replace trigger hubspot_bookings_unrefunded
  after update of is_active on hubspot_sync.hubspot_bookings
  for each row
  when (new.is_active = 'Cancelled' and old.is_active is distinct from new.is_active)
  execute function hubspot_sync.hubspot_bookings_unrefunded();
