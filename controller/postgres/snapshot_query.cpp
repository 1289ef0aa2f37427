#include "postgres/snapshot_query.h"

#include "postgres/session.h"

namespace dbm::postgres {
namespace {

// The relations, once; everything else joins them. What belongs to an extension is the extension's own
// matter, and what a partition has from its parent goes and comes with the parent's.
constexpr const char* kRelations = R"sql(
WITH ns AS MATERIALIZED (
  SELECT oid, quote_ident(nspname) AS name, nspowner, nspacl FROM pg_namespace
  WHERE nspname NOT IN ('information_schema', @L@) AND nspname !~ '^pg_'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_namespace'::regclass AND d.objid = pg_namespace.oid AND d.deptype = 'e')
), member AS MATERIALIZED (
  SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), rel AS MATERIALIZED (
  SELECT c.*, ns.name || '.' || quote_ident(c.relname) AS name, 'rel:' || c.oid AS ident
  FROM pg_class c JOIN ns ON ns.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'i', 'I') AND c.relpersistence <> 't'
    AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_class'::regclass AND objid = c.oid)
), col AS MATERIALIZED (
  SELECT a.*, rel.name || '.' || quote_ident(a.attname) AS name, 'col:' || rel.oid || '.' || a.attnum AS ident,
         rel.name AS table_name, rel.ident AS table_ident
  FROM pg_attribute a JOIN rel ON rel.oid = a.attrelid
  WHERE a.attnum > 0 AND NOT a.attisdropped AND rel.relkind IN ('r', 'p', 'f')
), fn AS MATERIALIZED (
  SELECT p.*, p.oid::regprocedure::text AS name, 'fn:' || p.oid AS ident
  FROM pg_proc p JOIN ns ON ns.oid = p.pronamespace
  WHERE NOT EXISTS (SELECT FROM member WHERE classid = 'pg_proc'::regclass AND objid = p.oid)
), typ AS MATERIALIZED (
  SELECT t.*, ns.name || '.' || quote_ident(t.typname) AS name, 'typ:' || t.oid AS ident
  FROM pg_type t JOIN ns ON ns.oid = t.typnamespace LEFT JOIN pg_class r ON r.oid = t.typrelid
  WHERE (t.typtype IN ('e', 'd', 'r') OR t.typtype = 'c' AND r.relkind = 'c' OR t.typtype = 'b' AND t.typelem = 0)
    AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_type'::regclass AND objid = t.oid)
), con AS MATERIALIZED (
  SELECT c.oid, c.conrelid, c.conname, c.contype, c.convalidated OR coalesce(to_jsonb(c) ->> 'conenforced', 'true') = 'false' AS convalidated, c.conindid, c.conparentid <> 0 OR c.contype = 'c' AND c.coninhcount > 0 AS inherited, coalesce(rel.name, typ.name) || '.' || quote_ident(c.conname) AS name,
         'con:' || c.oid AS ident, coalesce(rel.name, typ.name) AS on_name, coalesce(rel.ident, typ.ident) AS on_ident
  FROM pg_constraint c LEFT JOIN rel ON rel.oid = c.conrelid AND c.conrelid <> 0 LEFT JOIN typ ON typ.oid = c.contypid AND c.contypid <> 0
  WHERE c.contype IN ('c', 'f', 'u', 'p', 'x') AND (rel.oid IS NOT NULL OR typ.oid IS NOT NULL)
), single AS MATERIALIZED (
  SELECT d.classid, d.objid, 'col:' || min(d.refobjid::bigint) || '.' || min(d.refobjsubid) AS ident
  FROM pg_depend d LEFT JOIN pg_constraint c ON d.classid = 'pg_constraint'::regclass AND c.oid = d.objid
  JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
  WHERE d.classid IN ('pg_class'::regclass, 'pg_constraint'::regclass) AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
    AND d.refobjid >= 16384 AND (c.oid IS NULL OR c.conrelid = d.refobjid)
  GROUP BY d.classid, d.objid HAVING count(DISTINCT d.refobjsubid) = 1 AND min(a.attinhcount) = 0
), named AS MATERIALIZED (
  SELECT 'pg_class'::regclass AS classid, oid AS objid, 0 AS sub, name, ident, relowner AS owner FROM rel WHERE relkind NOT IN ('i', 'I')
  UNION ALL SELECT 'pg_class'::regclass, oid, 0, name, ident, 0 FROM rel WHERE relkind IN ('i', 'I')
  UNION ALL SELECT 'pg_class'::regclass, attrelid, attnum, name, ident, 0 FROM col
  UNION ALL SELECT 'pg_proc'::regclass, oid, 0, name, ident, proowner FROM fn
  UNION ALL SELECT 'pg_type'::regclass, oid, 0, name, ident, typowner FROM typ
  UNION ALL SELECT 'pg_namespace'::regclass, oid, 0, name, 'ns:' || oid, nspowner FROM ns
  UNION ALL SELECT 'pg_constraint'::regclass, oid, 0, name, ident, 0 FROM con
)
)sql";

constexpr const char* kObjects = R"sql(
SELECT 'schema', name, '', '', 'ns:' || oid, '', '', true, false FROM ns
UNION ALL
SELECT CASE relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'f' THEN 'foreign table' END, name, '',
       concat_ws(' ', CASE relpersistence WHEN 'u' THEN 'UNLOGGED' END, pg_get_partkeydef(oid), pg_get_expr(relpartbound, oid),
                 array_to_string(reloptions, ','), CASE WHEN relrowsecurity THEN 'ROW SECURITY' END, CASE WHEN relforcerowsecurity THEN 'FORCED' END,
                 (SELECT 'OF ' || string_agg(inhparent::regclass::text, ',' ORDER BY inhseqno) FROM pg_inherits WHERE inhrelid = rel.oid)),
       ident, 'ns:' || relnamespace, '', true, false
FROM rel WHERE relkind IN ('r', 'p', 'f')
UNION ALL
SELECT CASE relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END, name, '',
       concat_ws(' ', pg_get_viewdef(oid), array_to_string(reloptions, ',')), ident, 'ns:' || relnamespace, '', true, false
FROM rel WHERE relkind IN ('v', 'm')
UNION ALL
SELECT 'sequence', rel.name, '', concat_ws(' ', format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle),
       rel.ident, coalesce('col:' || d.refobjid || '.' || d.refobjsubid, 'ns:' || relnamespace), '', true, false
FROM rel JOIN pg_sequence s ON s.seqrelid = rel.oid
LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = rel.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
UNION ALL
SELECT 'column', col.name, table_name,
       concat_ws(' ', format_type(atttypid, atttypmod), CASE WHEN attcollation <> t.typcollation THEN 'COLLATE ' || attcollation::regcollation END,
                 CASE WHEN attgenerated <> '' THEN 'GENERATED ' || pg_get_expr(d.adbin, d.adrelid) END),
       col.ident, table_ident, '', true, attinhcount > 0
FROM col JOIN pg_type t ON t.oid = atttypid LEFT JOIN pg_attrdef d ON d.adrelid = attrelid AND d.adnum = attnum AND attgenerated <> ''
UNION ALL
SELECT 'not null', name, name, 'NOT NULL', 'nn:' || ident, ident, '', true, attinhcount > 0 FROM col WHERE attnotnull
UNION ALL
SELECT 'default', name, name, coalesce(pg_get_expr(d.adbin, d.adrelid), 'IDENTITY ' || attidentity::text), 'def:' || ident, ident, '', true, attinhcount > 0
FROM col LEFT JOIN pg_attrdef d ON d.adrelid = attrelid AND d.adnum = attnum
WHERE attgenerated = '' AND (d.oid IS NOT NULL OR attidentity <> '')
UNION ALL
SELECT 'index', i.name, t.name, pg_get_indexdef(i.oid) || CASE WHEN NOT x.indisvalid THEN ' INVALID' ELSE '' END, i.ident,
       coalesce(con.ident, single.ident, t.ident), regexp_replace(pg_get_indexdef(i.oid), '^CREATE (UNIQUE )?INDEX .*? ON ', 'CREATE \1INDEX ON '),
       x.indisvalid AND x.indisready, i.relispartition
FROM rel i JOIN pg_index x ON x.indexrelid = i.oid JOIN rel t ON t.oid = x.indrelid LEFT JOIN con ON con.conindid = i.oid AND con.contype IN ('u', 'p', 'x')
LEFT JOIN single ON single.classid = 'pg_class'::regclass AND single.objid = i.oid
UNION ALL
SELECT 'constraint', name, on_name, pg_get_constraintdef(oid), con.ident, coalesce(single.ident, on_ident), pg_get_constraintdef(oid), convalidated, inherited
FROM con LEFT JOIN single ON single.classid = 'pg_constraint'::regclass AND single.objid = con.oid
UNION ALL
SELECT 'trigger', rel.name || '.' || quote_ident(tgname), rel.name, pg_get_triggerdef(t.oid) || ' ' || tgenabled::text, 'trg:' || t.oid, rel.ident, '', true, tgparentid <> 0
FROM pg_trigger t JOIN rel ON rel.oid = tgrelid WHERE NOT tgisinternal
UNION ALL
SELECT 'rule', rel.name || '.' || quote_ident(rulename), rel.name, pg_get_ruledef(r.oid), 'rule:' || r.oid, rel.ident, '', true, false
FROM pg_rewrite r JOIN rel ON rel.oid = ev_class WHERE rulename <> '_RETURN'
UNION ALL
SELECT 'policy', rel.name || '.' || quote_ident(polname), rel.name,
       concat_ws(' ', CASE WHEN polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END, polcmd,
                 (SELECT string_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r)) END, ',' ORDER BY 1) FROM unnest(polroles) r),
                 'USING ' || pg_get_expr(polqual, polrelid), 'CHECK ' || pg_get_expr(polwithcheck, polrelid)),
       'pol:' || p.oid, rel.ident, '', true, false
FROM pg_policy p JOIN rel ON rel.oid = polrelid
UNION ALL
SELECT 'statistics', ns.name || '.' || quote_ident(stxname), rel.name, pg_get_statisticsobjdef(s.oid), 'stx:' || s.oid, rel.ident, '', true, false
FROM pg_statistic_ext s JOIN rel ON rel.oid = stxrelid JOIN ns ON ns.oid = stxnamespace
UNION ALL
SELECT 'replica identity', name, name,
       CASE relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING'
         ELSE (SELECT 'INDEX ' || x.indexrelid::regclass FROM pg_index x WHERE x.indrelid = rel.oid AND x.indisreplident) END,
       'ri:' || ident, ident, '', true, false
FROM rel WHERE relkind IN ('r', 'p') AND relreplident <> 'd'
  AND (relreplident <> 'i' OR EXISTS (SELECT FROM pg_index x WHERE x.indrelid = rel.oid AND x.indisreplident))
UNION ALL
SELECT CASE prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END, name, '',
       CASE WHEN prokind = 'a' THEN format_type(prorettype, NULL) ELSE pg_get_functiondef(oid) END, ident, 'ns:' || pronamespace, '', true, false
FROM fn
UNION ALL
SELECT CASE typtype WHEN 'd' THEN 'domain' ELSE 'type' END, name, '',
       concat_ws(' ', typtype, CASE WHEN typtype = 'd' THEN format_type(typbasetype, typtypmod) END, CASE WHEN typnotnull THEN 'NOT NULL' END, typdefault,
                 (SELECT string_agg(quote_literal(enumlabel), ',' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = typ.oid),
                 (SELECT string_agg(quote_ident(attname) || ' ' || format_type(atttypid, atttypmod), ',' ORDER BY attnum)
                  FROM pg_attribute WHERE attrelid = typrelid AND typrelid <> 0 AND attnum > 0 AND NOT attisdropped)),
       ident, 'ns:' || typnamespace, '', true, false
FROM typ
UNION ALL
SELECT 'extension', quote_ident(extname), '', '', 'ext:' || oid, '', '', true, false FROM pg_extension
UNION ALL
SELECT 'owner', name, name, pg_get_userbyid(owner)::text, 'own:' || ident, ident, '', true, false FROM named WHERE owner <> 0
UNION ALL
SELECT 'comment', n.name, n.name, d.description, 'cmt:' || n.ident, n.ident, '', true, false
FROM pg_description d JOIN named n ON n.classid = d.classoid AND n.objid = d.objoid AND n.sub = d.objsubid
UNION ALL
SELECT 'comment', rel.name || '.' || quote_ident(tgname), rel.name, d.description, 'cmt:trg:' || t.oid, 'trg:' || t.oid, '', true, false
FROM pg_description d JOIN pg_trigger t ON d.classoid = 'pg_trigger'::regclass AND d.objoid = t.oid JOIN rel ON rel.oid = t.tgrelid
UNION ALL
SELECT 'grant', x.privilege_type || ' on ' || a.name || ' to ' || CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END,
       a.name, CASE WHEN x.is_grantable THEN 'WITH GRANT OPTION' ELSE '' END,
       'acl:' || a.ident || ':' || x.grantee || ':' || x.privilege_type, a.ident, '', true, false
FROM (SELECT name, ident, relowner AS owner, relacl AS acl FROM rel
      UNION ALL SELECT col.name, col.ident, rel.relowner, attacl FROM col JOIN rel ON rel.oid = attrelid
      UNION ALL SELECT name, ident, proowner, coalesce(proacl, acldefault('f', proowner)) FROM fn
      UNION ALL SELECT name, ident, typowner, coalesce(typacl, acldefault('T', typowner)) FROM typ
      UNION ALL SELECT name, 'ns:' || oid, nspowner, coalesce(nspacl, acldefault('n', nspowner)) FROM ns) a,
     LATERAL aclexplode(a.acl) x
WHERE x.grantee <> a.owner
)sql";

}  // namespace

std::string snapshot_query(std::string_view ledger_schema) {
  std::string text = std::string(kRelations) + kObjects;
  const std::string_view mark = "@L@";
  text.replace(text.find(mark), mark.size(), quote_literal(ledger_schema));
  return text;
}

}  // namespace dbm::postgres
