-- Adds, in one statement each, the contacts of a page that nobody here knows. Those of one student
-- are left to be looked at one by one: two spellings of an email are one person, which no unique
-- constraint sees.
create or replace function hubspot_sync.add_contacts(p_records jsonb)
  returns text[]
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_added text[];
begin
  with parsed as materialized (
    select r.value as record, hubspot_sync.parse_contact(r.value) as c
      from jsonb_array_elements(p_records) r
     where coalesce(r.value #>> '{properties,hs_merged_object_ids}', '') = ''
       -- Read under another id: that one's contact is it.
       and coalesce(r.value -> 'asked', jsonb_build_array(r.value -> 'id'))
           <@ jsonb_build_array(r.value -> 'id')
       and not exists (select from hubspot_sync.hubspot_contact_credits k
                        where k.hubspot_id = r.value ->> 'id')
  ), unknown as (
    select p.record, p.c
      from (select o.record, o.c,
                   count(*) over (partition by (o.c).student_id, lower((o.c).email)) as times
              from parsed o) p
     where (p.c).student_id is not null
       and (p.c).email is not null
       and p.times = 1
       and not exists (select from hubspot_sync.hubspot_contact_credits k
                        where k.student_id = (p.c).student_id
                          and lower(k.email) = lower((p.c).email))
  ), added as (
    insert into hubspot_sync.hubspot_contact_credits
      (hubspot_id, student_id, email, firstname, lastname, sj_credits, cs_credits,
       sjmini_credits, mock_discussion_token, shared_mock_credits, created_at, updated_at,
       hubspot_last_sync_at)
    select (u.c).hubspot_id, (u.c).student_id, (u.c).email, (u.c).firstname, (u.c).lastname,
           (u.c).sj_credits, (u.c).cs_credits, (u.c).sjmini_credits,
           (u.c).mock_discussion_token, (u.c).shared_mock_credits,
           coalesce((u.c).created_at, v_now), v_now, v_now
      from unknown u
     order by (u.c).hubspot_id
    returning id, hubspot_id
  ), noted as (
    insert into hubspot_sync.sync_shadow
      (record, table_name, properties, version, read_version, read_at, seen, updated_at)
    select a.id, 'hubspot_contact_credits', hubspot_sync.contact_properties(u.c),
           v.version, v.version, v_now, hubspot_sync.history_ends(u.record), v_now
      from added a
      join unknown u on (u.c).hubspot_id = a.hubspot_id
     cross join lateral (
       select hubspot_sync.parse_moment(u.record ->> 'updatedAt', 'updatedAt')) v (version)
  ), healed as (
    update hubspot_sync.sync_errors e
       set resolved_at = v_now
      from added a
     where e.direction = 'hubspot_to_supabase'
       and e.entity = 'hubspot_contact_credits'
       and e.record is null
       and e.hubspot_id = a.hubspot_id
       and e.resolved_at is null
  )
  select coalesce(array_agg(a.hubspot_id), '{}') into v_added from added a;
  return v_added;
end;
$$;

comment on function hubspot_sync.add_contacts(jsonb) is
  'Inserts those of HubSpot''s contacts whose id and identity are new here, with their balances, '
  'and answers their HubSpot ids. Raises what the first that cannot be inserted raises, for all of '
  'them.';
revoke execute on function hubspot_sync.add_contacts(jsonb) from public, anon, authenticated;
