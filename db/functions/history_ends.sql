-- How far a contact's balances were read: the moment of the last entry of each one's history, or
-- where no history was asked for, of the last change of the contact. Entries dated far ahead of our
-- clock are passed over, as merge_balances does.
create or replace function hubspot_sync.history_ends(p_record jsonb)
  returns jsonb
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_version timestamptz := hubspot_sync.parse_moment(p_record ->> 'updatedAt', 'updatedAt');
begin
  return (
    select jsonb_object_agg(o.field, coalesce((
             select max(hubspot_sync.parse_moment(h.value ->> 'timestamp', o.field))
               from jsonb_array_elements(
                 p_record #> array['propertiesWithHistory', o.field]) h
              where hubspot_sync.parse_moment(h.value ->> 'timestamp', o.field)
                    <= hubspot_sync.clock() + interval '1 day'), v_version))
      from hubspot_sync.field_owners o
     where o.table_name = 'hubspot_contact_credits' and o.owner = 'sum');
end;
$$;

comment on function hubspot_sync.history_ends(jsonb) is
  'Of each balance whose edits are added up: up to which moment of its history in HubSpot it is '
  'taken into account with the record p_record, as sync_shadow.seen has it.';
revoke execute on function hubspot_sync.history_ends(jsonb) from public, anon, authenticated;
