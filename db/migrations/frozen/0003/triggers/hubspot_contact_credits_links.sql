-- Links bookings and contacts that did not know each other: a contact that arrives after its
-- booking, and a contact's HubSpot id that arrives after both.
create or replace function hubspot_sync.hubspot_contact_credits_links()
  returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- A booking may be arriving this moment that looks for this contact: see
  -- hubspot_bookings_defaults.
  perform pg_advisory_xact_lock(
    hashtextextended(format('bookings of %s %s', new.student_id, lower(new.email)), 0));
  if new.hubspot_id is not null then
    perform pg_advisory_xact_lock(
      hashtextextended(format('bookings of %s', new.hubspot_id), 0));
  end if;
  update hubspot_sync.hubspot_bookings b
     set contact = new.id,
         contact_id = coalesce(new.hubspot_id, b.contact_id)
   where b.student_id = new.student_id
     and (b.contact = new.id or b.contact is null and lower(b.student_email) = lower(new.email))
     and (b.contact is null or b.contact_id is distinct from new.hubspot_id);
  update hubspot_sync.hubspot_bookings b
     set contact = new.id
   where b.contact_id = new.hubspot_id
     and b.contact is null;
  return null;
end;
$$;

comment on function hubspot_sync.hubspot_contact_credits_links() is
  'Trigger: links a contact with the bookings that are its.';
revoke execute on function hubspot_sync.hubspot_contact_credits_links()
  from public, anon, authenticated;

create or replace trigger hubspot_contact_credits_links_insert
  after insert on hubspot_sync.hubspot_contact_credits
  for each row
  execute function hubspot_sync.hubspot_contact_credits_links();

create or replace trigger hubspot_contact_credits_links_update
  after update of hubspot_id on hubspot_sync.hubspot_contact_credits
  for each row
  when (old.hubspot_id is distinct from new.hubspot_id)
  execute function hubspot_sync.hubspot_contact_credits_links();
