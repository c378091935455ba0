-- Makes the contact HubSpot's record is of known by its id: one that was made here and whose id
-- HubSpot has not answered, one whose record was deleted there and made anew, or those that
-- HubSpot merged into it. Where two of ours became one, the first takes in the others.
create or replace function hubspot_sync.find_merged_contact(p_record jsonb)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id text := p_record ->> 'id';
  v_version timestamptz := coalesce(
    hubspot_sync.parse_moment(p_record ->> 'updatedAt', 'updatedAt'), hubspot_sync.clock());
  v_student_id text := trim(p_record #>> '{properties,student_id}');
  v_email text := lower(trim(p_record #>> '{properties,email}'));
  v_former text[] := array(
    select distinct trim(m.value)
      from unnest(string_to_array(
             p_record #>> '{properties,hs_merged_object_ids}', ';')) m (value)
     where trim(m.value) not in ('', v_id));
  -- A wrong answer must not make one of two people: under another id it is who has the same
  -- student id or email.
  v_asked text[] := array(
    select a.value
      from jsonb_array_elements_text(
             case jsonb_typeof(p_record -> 'asked') when 'array' then p_record -> 'asked'
                  else '[]' end) a
     where a.value <> v_id);
  v_kept uuid;
  v_merged uuid;
begin
  select c.id into v_kept
    from hubspot_sync.hubspot_contact_credits c
   where c.hubspot_id = v_id;
  if v_kept is not null and v_former = '{}' then
    return;
  end if;
  if v_kept is null then
    select c.id into v_kept
      from hubspot_sync.hubspot_contact_credits c
     where c.hubspot_id = any (v_former)
        or c.hubspot_id = any (v_asked)
       and (c.student_id = v_student_id or lower(c.email) = v_email)
     order by c.student_id = v_student_id and lower(c.email) = v_email desc, c.created_at, c.id
     limit 1;
    if v_kept is null then
      select c.id into v_kept
        from hubspot_sync.hubspot_contact_credits c
       where c.student_id = v_student_id
         and (lower(c.email) = v_email or coalesce(v_email, '') = '')
         and (c.hubspot_id is null or c.deleted_at is not null)
       order by c.merged_into is not null, c.created_at, c.id
       limit 1;
      -- Of another record of HubSpot's nothing is known yet.
      delete from hubspot_sync.sync_shadow s
       using hubspot_sync.hubspot_contact_credits c
       where s.record = v_kept and c.id = v_kept and c.hubspot_id is not null;
      perform hubspot_sync.split_contact(v_kept)
         from hubspot_sync.hubspot_contact_credits c
        where c.id = v_kept and c.merged_into is not null;
    end if;
    update hubspot_sync.hubspot_contact_credits c
       set hubspot_id = v_id
     where c.id = v_kept;
  end if;
  for v_merged in
    select c.id
      from hubspot_sync.hubspot_contact_credits c
     where c.hubspot_id = any (v_former)
       and c.id <> v_kept
     order by c.id
  loop
    perform hubspot_sync.absorb_contact(v_merged, v_kept);
    -- What HubSpot's merge wrote, until this state of it, counts for nothing: ours were added up.
    insert into hubspot_sync.sync_shadow as s (record, table_name, properties, seen)
    values (v_kept, 'hubspot_contact_credits', '{}', jsonb_build_object('@merged', v_version))
    on conflict (record) do update set seen = coalesce(s.seen, '{}') || excluded.seen;
  end loop;
end;
$$;

comment on function hubspot_sync.find_merged_contact(jsonb) is
  'Gives HubSpot''s id of the record p_record to the contact here that it is of, merging those it '
  'was merged from (hs_merged_object_ids); asked: other ids under which it was read, which count '
  'for the same student alone. All of them are locked.';
revoke execute on function hubspot_sync.find_merged_contact(jsonb) from public, anon, authenticated;
