-- Whether another contact is known to HubSpot by the same student id, or will be first.
create or replace function hubspot_sync.is_doubled(p_contact uuid, p_student_id text)
  returns boolean
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select from hubspot_sync.hubspot_contact_credits o
     where o.student_id = p_student_id
       and o.id <> p_contact
       and (o.hubspot_id is not null or o.id < p_contact));
end;
$$;

comment on function hubspot_sync.is_doubled(uuid, text) is
  'Whether a contact without a HubSpot id shares its student id with one that HubSpot has, or '
  'that comes first: HubSpot keeps student ids unique.';
revoke execute on function hubspot_sync.is_doubled(uuid, text) from public, anon, authenticated;
