-- The contact that took in another when HubSpot made one of two, and is locked like any other.
create or replace function hubspot_sync.kept_contact(p_contact uuid)
  returns hubspot_sync.hubspot_contact_credits
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_contact hubspot_sync.hubspot_contact_credits;
  v_id uuid := p_contact;
begin
  while v_id is not null loop
    select c.* into v_contact
      from hubspot_sync.hubspot_contact_credits c
     where c.id = v_id
       for no key update;
    v_id := v_contact.merged_into;
  end loop;
  return v_contact;
end;
$$;

comment on function hubspot_sync.kept_contact(uuid) is
  'The contact into which p_contact was merged in HubSpot, over as many merges as there were, '
  'locked; the contact itself where it never was.';
revoke execute on function hubspot_sync.kept_contact(uuid) from public, anon, authenticated;
