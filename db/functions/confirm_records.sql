-- Takes those of HubSpot's records that bring nothing new, in one statement: what was read is what
-- HubSpot was known to hold, and what is here. Most are such: their last change was a write of
-- ours, or a run looks at everything. All others are left to apply_records, one by one.
--
-- It touches nothing but the shadow, which only whoever takes from HubSpot writes, so no record
-- need be locked: what changes here meanwhile is queued by whoever changes it. Where anything
-- could be more than that (a mark, a merge, an entry of a history, another link) it is left.
create or replace function hubspot_sync.confirm_records(p_table text, p_records jsonb)
  returns text[]
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_confirmed text[];
begin
  with there as materialized (
    select r.value ->> 'id' as id, r.value as record,
           hubspot_sync.read_properties(p_table, r.value) as theirs
      from jsonb_array_elements(p_records) r
  ), known as materialized (
    select t.id, t.record, k.id as uuid, k.ours, s.properties, s.version, s.seen,
           (t.theirs ->> '@version')::timestamptz as read_version,
           p_table <> 'hubspot_contact_credits' or t.record ? 'propertiesWithHistory' as whole,
           -- HubSpot lowers emails: it holds ours where it means the same.
           (t.theirs - '@version') || (
             select coalesce(jsonb_object_agg(e.key, k.ours -> e.key), '{}')
               from unnest(array['email', 'student_email']) e (key)
              where lower(t.theirs ->> e.key) = lower(k.ours ->> e.key)) as theirs
      from there t
     cross join lateral (
       select b.id, hubspot_sync.booking_properties(b) as ours
         from hubspot_sync.hubspot_bookings b
        where p_table = 'hubspot_bookings'
          and b.hubspot_id = t.id
          and b.deleted_at is null
          and b.exam is not null
       union all
       select c.id, hubspot_sync.contact_properties(c)
         from hubspot_sync.hubspot_contact_credits c
        where p_table = 'hubspot_contact_credits'
          and c.hubspot_id = t.id
          and c.deleted_at is null
          and c.merged_into is null
       union all
       select e.id, hubspot_sync.exam_properties(e)
         from hubspot_sync.hubspot_mock_exams e
        where p_table = 'hubspot_mock_exams' and e.hubspot_id = t.id) k
      join hubspot_sync.sync_shadow s on s.record = k.id
     where t.theirs is not null
       and s.let_be = '{}'
       and s.written is null
       and not s.properties ?| array['@archived', '@gone', '@given_up']
       and coalesce(t.record #>> '{properties,hs_merged_object_ids}', '') = ''
       and coalesce(t.record -> 'asked', jsonb_build_array(t.id)) = jsonb_build_array(t.id)
  ), same as materialized (
    select k.uuid, k.id, k.read_version, k.whole
      from known k
     where k.ours @> k.theirs
       and k.properties @> k.theirs
       and k.read_version >= k.version
       and (not k.record ? 'associations'
            or k.record #> '{associations,contacts}' ? (k.ours ->> '@contact')
           and k.record #> '{associations,exams}' = jsonb_build_array(k.ours -> '@exam')
           and k.properties @> jsonb_build_object('@contact', k.ours -> '@contact',
                                                  '@exam', k.ours -> '@exam'))
       and not exists (
             select from jsonb_each(k.record -> 'propertiesWithHistory') h
              cross join lateral jsonb_array_elements(h.value) e
              where coalesce((e.value ->> 'timestamp')::timestamptz
                               > (k.seen ->> h.key)::timestamptz, true))
  ), noted as (
    update hubspot_sync.sync_shadow s
       set version = greatest(s.version, x.read_version),
           read_version = case when x.whole
             then greatest(s.read_version, x.read_version) else s.read_version end,
           read_at = case when x.whole then v_now else s.read_at end,
           updated_at = v_now
      from same x
     where s.record = x.uuid
    returning x.id
  ), healed as (
    update hubspot_sync.sync_errors e
       set resolved_at = v_now
      from same x
     where e.direction = 'hubspot_to_supabase'
       and e.entity = p_table
       and e.record is null
       and e.hubspot_id = x.id
       and e.resolved_at is null
  )
  select coalesce(array_agg(n.id), '{}') into v_confirmed from noted n;
  return v_confirmed;
exception
  -- What cannot be read is found again, and told, by whoever takes the records one by one.
  when data_exception then
    return array[]::text[];
end;
$$;

comment on function hubspot_sync.confirm_records(text, jsonb) is
  'Of records read from HubSpot, as apply_records has them, those that are what HubSpot was known '
  'to hold and what is here: notes that they were read, and answers their HubSpot ids.';
revoke execute on function hubspot_sync.confirm_records(text, jsonb)
  from public, anon, authenticated;
